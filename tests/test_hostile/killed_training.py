"""Trainings that are killed, again and again, until one ends.

    python tests/test_hostile/killed_training.py NUMBER_OF_KILLS

kills a real training of a small detector at random moments, resumes it each
time, and compares the end with a training that was left alone.
"""
import os
import os.path as osp
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Optional

import torch
from mmengine.config import Config
from mmengine.runner import Runner

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from small_data import make_data, save, write_config  # noqa: E402

from dyfadet_mm.engine.resume_point import find_resume_point  # noqa: E402
from dyfadet_mm.utils import register_all_modules  # noqa: E402

EPOCHS = 3
# drop path and noise draw random numbers; several checkpoints are kept, and
# the best one changes
SETTINGS = f"""
max_epochs = {EPOCHS}
randomness = dict(seed=1)
log_level = 'ERROR'
model = dict(
    data_preprocessor=dict(input_noise=0.1),
    backbone=dict(drop_path_rate=0.3))
train_dataloader = dict(num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0, persistent_workers=False)
custom_hooks = [dict(type='EMAHook', momentum=0.3, priority='ABOVE_NORMAL')]
"""


def write_training(folder: Path) -> Path:
    """Write data and config of a training that lasts a second."""
    save(folder, make_data(folder, n_train=4, n_val=2, cells=32))
    return write_config(folder, SETTINGS)


def train(config: Path, work_dir: Path) -> None:
    """Begin a training, or go on with it, as ``--resume`` does."""
    cfg = Config.fromfile(config)
    cfg.update(
        work_dir=str(work_dir),
        resume=True,
        experiment_name=f'{work_dir.name}-{os.getpid()}')
    Runner.from_cfg(cfg).train()


def in_child(act: Callable[[], None],
             kill_after: Optional[float] = None,
             kill_at: Optional[int] = None,
             folder: Optional[Path] = None) -> int:
    """Do something in a process that can be killed.

    Args:
        act (Callable): What to do.
        kill_after (float, optional): Seconds until it is killed. Defaults to
            None, never.
        kill_at (int, optional): Number of the file operation in ``folder``
            before which it is killed, from 0. Defaults to None.
        folder (Path, optional): The folder. Defaults to None.

    Returns:
        int: Exit status, -9 if it was killed.
    """
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 1)
            errors = os.environ.get('KILLED_TRAINING_LOG', os.devnull)
            os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
            if kill_at is not None:
                _die_at(kill_at, str(folder))
            act()
            status = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    if kill_after is not None:
        end = time.monotonic() + kill_after
        while time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _die_at(number: int, folder: str) -> None:
    """Kill this process before an operation on the files of a folder."""
    left = [number]

    def count(event: str, args: tuple) -> None:
        changes = event in ('os.rename',
                            'os.remove') or (event == 'open' and args[2] &
                                             (os.O_WRONLY | os.O_RDWR))
        # those of the checkpoints, not of the logs
        if changes and osp.dirname(str(args[0])) == folder:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def assert_resumable(work_dir: Path,
                     least: int,
                     template: str = 'epoch_{}.pth') -> int:
    """Epoch that a killed training goes on from, at least the last known."""
    path = find_resume_point(str(work_dir), str(work_dir), template)
    if path is None:
        assert least == 0, f'no checkpoint is left of epoch {least}'
        return 0
    epoch = torch.load(path)['meta']['epoch']
    assert epoch >= least
    return epoch


def assert_same_end(one: Path, other: Path) -> None:
    """Compare what two trainings have left, bit by bit."""
    names = [{path.name
              for path in folder.glob('*.pth')} for folder in (one, other)]
    # one that a better one replaced may stay, if the kill came just then
    assert names[0] <= names[1] and len(names[1]) <= len(names[0]) + 1, names
    for name in names[0]:
        first, second = (torch.load(folder / name) for folder in (one, other))
        for part in ('state_dict', 'ema_state_dict', 'optimizer'):
            _assert_equal(first.get(part), second.get(part), f'{name}.{part}')
        info = [
            each['message_hub']['runtime_info'] for each in (first, second)
        ]
        for key in ('best_ckpt', 'best_score'):
            assert info[0].get(key) == info[1].get(key), (name, key,
                                                          info[0].get(key),
                                                          info[1].get(key),
                                                          names)


def _assert_equal(one, other, where: str) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            _assert_equal(one[key], other[key], f'{where}.{key}')
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for index, (first, second) in enumerate(zip(one, other)):
            _assert_equal(first, second, f'{where}.{index}')
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert one == other, where


def kill_at_random(folder: Path, kills: int) -> int:
    """Kill trainings at random moments until there were so many kills.

    Args:
        folder (Path): An empty one.
        kills (int): How many.

    Returns:
        int: Trainings that reached their end meanwhile.
    """
    rng = random.Random(0)
    register_all_modules(False)  # or every process imports them anew
    config = write_training(folder)
    begin = time.monotonic()
    alone = folder / 'alone'
    assert in_child(lambda: train(config, alone)) == 0
    duration = time.monotonic() - begin
    ended = killed = 0
    while killed < kills:
        work_dir, epoch = folder / f'run_{ended}', 0
        while True:
            left = duration * 1.2 if killed < kills else None
            status = in_child(
                lambda: train(config, work_dir),
                kill_after=None if left is None else rng.uniform(0.1, left))
            if status == 0:
                break
            assert status == -signal.SIGKILL, (
                f'after {killed} kills the training ended with {status}')
            killed += 1
            epoch = assert_resumable(work_dir, epoch)
        assert_same_end(alone, work_dir)
        ended += 1
    return ended


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as name:
        number = int(sys.argv[1])
        ended = kill_at_random(Path(name), number)
        print(f'{number} kills, {ended} trainings ended, all of them as '
              'without a kill')
