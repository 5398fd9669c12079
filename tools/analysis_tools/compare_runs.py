"""One run of ``compare.py``: train and test one config with one seed.

    python tools/analysis_tools/compare_runs.py FOLDER THREADS

``compare.py`` starts it, keeps a pipe to its input open and writes
``FOLDER/config.py`` before. It leaves:

- ``train/``: checkpoints and logs of the training;
- ``test_best/``, ``test_last/``: logs of the tests;
- ``progress.json``: how far the training is;
- ``result.json``: metrics of both tests and seconds of training, at the end.

A run that was interrupted goes on from its last checkpoint, and gives what it
would have given otherwise: see ``TADCheckpointHook`` and ``SetEpochHook``.
"""
import argparse
import json
import os
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any, Dict, Optional

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner


class ProgressFileHook(Hook):
    """Tell in a file how far the training is.

    Args:
        path (Path): JSON to write after every iteration.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: Any = None,
                         outputs: Optional[dict] = None) -> None:
        """Write the file.

        Args:
            runner (Runner): The runner of the training.
            batch_idx (int): Position of the batch.
            data_batch (Any): The batch, unused. Defaults to None.
            outputs (dict, optional): Losses, unused. Defaults to None.
        """
        write_json(
            self.path,
            dict(
                epoch=runner.epoch + 1,
                max_epochs=runner.max_epochs,
                share=(runner.iter + 1) / runner.max_iters))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file that is there as a whole or not at all."""
    part = path.with_name(path.name + '.part')
    part.write_text(json.dumps(content, indent=1), encoding='utf-8')
    os.replace(part, path)


def train(cfg: Config, folder: Path) -> Runner:
    """Train from the start, or from where it was interrupted.

    Args:
        cfg (Config): Left as it is.
        folder (Path): Of the run.

    Returns:
        Runner: After training.
    """
    cfg = Config(cfg.to_dict(), filename=cfg.filename)
    cfg.work_dir = str(folder / 'train')
    cfg.resume = True
    runner = Runner.from_cfg(cfg)
    runner.register_hook(ProgressFileHook(folder / 'progress.json'))
    runner.train()
    return runner


def test(cfg: Config, checkpoint: Path, work_dir: Path) -> Dict[str, float]:
    """Evaluate a checkpoint on the test set.

    Args:
        cfg (Config): Left as it is.
        checkpoint (Path): With the averaged weights where the config
            averages.
        work_dir (Path): For the log.

    Returns:
        dict[str, float]: What the metrics returned.
    """
    cfg = Config(cfg.to_dict(), filename=cfg.filename)
    cfg.update(
        work_dir=str(work_dir),
        experiment_name=work_dir.name,
        load_from=str(checkpoint),
        resume=False)
    runner = Runner.from_cfg(cfg)
    # weights that do not fit are an error here, not a warning
    runner.load_checkpoint = partial(runner.load_checkpoint, strict=True)
    return {name: float(value) for name, value in runner.test().items()}


def run(folder: Path) -> None:
    """Train, test the best and the last weights, and write the result.

    Args:
        folder (Path): With ``config.py``.
    """
    cfg = Config.fromfile(folder / 'config.py')
    runner = train(cfg, folder)
    hub = runner.message_hub
    seconds = hub.get_scalar('train/time').data[0]  # of every iteration
    result = dict(
        seed=runner.seed,
        epochs=runner.max_epochs,
        train_seconds=float(np.sum(seconds)),
        threads=torch.get_num_threads(),
        device=str(next(runner.model.parameters()).device),
        torch=torch.__version__)
    for which in ('best', 'last'):
        path = hub.get_info(f'{which}_ckpt', None)
        if path is None:  # the config keeps no best weights
            continue
        checkpoint = folder / 'train' / os.path.basename(path)
        result[which] = dict(
            checkpoint=str(checkpoint.relative_to(folder)),
            metrics=test(cfg, checkpoint, folder / f'test_{which}'))
    write_json(folder / 'result.json', result)


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended."""

    def wait() -> None:
        os.read(sys.stdin.fileno(), 1)  # until the other end is closed
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('folder', type=Path)
    parser.add_argument('threads', type=int)
    args = parser.parse_args()
    end_with_parent()
    torch.set_num_threads(args.threads)
    run(args.folder)


if __name__ == '__main__':
    main()
