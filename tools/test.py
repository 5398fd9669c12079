"""Evaluate a checkpoint: ``python tools/test.py CONFIG CHECKPOINT``."""
import argparse
import inspect
import os
import os.path as osp
from functools import partial
from typing import Optional, Sequence

# threads that sleep while they wait leave a busy CPU to the others; it is
# read when torch is imported
if 'OMP_WAIT_POLICY' not in os.environ:
    os.environ['OMP_WAIT_POLICY'] = 'PASSIVE'

from mmengine.config import Config, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from dyfadet_mm.engine import merge_options, show_progress
from dyfadet_mm.fileio import check_writable
from dyfadet_mm.registry import METRICS
from dyfadet_mm.utils import choose_cpu_threads, prepare_cpu_launch


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line; without arguments, that of this process."""
    parser = argparse.ArgumentParser(description='Evaluate a checkpoint')
    parser.add_argument('config', help='path of the config')
    parser.add_argument('checkpoint', help='path or address of the weights')
    parser.add_argument(
        '--work-dir',
        help='folder for logs and metrics; without it, '
        'work_dir of the config, or work_dirs/ and the name of the config')
    parser.add_argument(
        '--out',
        metavar='JSON',
        help='write the detections in the format of ActivityNet')
    parser.add_argument(
        '--dump', metavar='PKL', help='pickle what the model returned')
    parser.add_argument(
        '--dump-raw',
        metavar='DIR',
        help='save what the network says before NMS into a new or empty '
        'folder, for tools/analysis_tools/tune_postprocess.py')
    parser.add_argument(
        '--raw-dtype',
        choices=['float16', 'float32'],
        default='float16',
        help='of the numbers in it: float32 are exactly those of the network '
        '(default: %(default)s)')
    parser.add_argument(
        '--force',
        action='store_true',
        help='let --dump-raw replace the files of an earlier one')
    parser.add_argument(
        '--show-dir', help='folder for timelines of every video')
    parser.add_argument(
        '--interval',
        type=int,
        default=1,
        help='draw one of so many videos. Defaults to 1')
    parser.add_argument(
        '--amp',
        action='store_true',
        help='run encoder and head in bfloat16 (model.predict_dtype)')
    parser.add_argument(
        '--progress',
        action='store_true',
        help='show a progress bar in place of the log, which is in a file')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in model.head.num_classes=5; a list is '
        'written key="[a,b]" or key=a,b without white space')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes of a distributed run are started')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    parsed = parser.parse_args(args)
    os.environ.setdefault('LOCAL_RANK', str(parsed.local_rank))
    return parsed


def merge_args(cfg: Config, args: argparse.Namespace) -> Config:
    """Write the command line into the config.

    Args:
        cfg (Config): Changed in place.
        args (Namespace): The parsed command line.

    Returns:
        Config: ``cfg``.

    Raises:
        ValueError: If nothing reads an option, or the config
            lacks what an argument needs.
    """
    merge_options(cfg, args.cfg_options)
    if args.amp:
        cfg.model.predict_dtype = 'bfloat16'
    cfg.launcher = args.launcher
    cfg.load_from = args.checkpoint
    cfg.resume = False
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        name = osp.splitext(osp.basename(args.config))[0]
        cfg.work_dir = osp.join('work_dirs', name)
    if args.show_dir is not None:
        show(cfg, args.show_dir, args.interval)
    if args.out is not None:
        write_predictions(cfg, args.out)
    if args.dump is not None:
        dump_results(cfg, args.dump)
    if args.dump_raw is not None:
        dump_raw(cfg, args.dump_raw, args.raw_dtype, args.force)
    return cfg


def show(cfg: Config, folder: str, interval: int) -> None:
    """Switch the visualization hook on.

    Args:
        cfg (Config): Changed in place.
        folder (str): Where the pictures go.
        interval (int): One of so many videos is drawn.

    Raises:
        ValueError: If the config has no such hook.
    """
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise ValueError('--show-dir needs a visualization hook in '
                         'default_hooks of the config')
    hook.update(enable=True, out_dir=folder, interval=interval)


def write_predictions(cfg: Config, path: str) -> None:
    """Tell the metrics that can to write the detections.

    Args:
        cfg (Config): Changed in place.
        path (str): Path of the JSON.

    Raises:
        ValueError: If no metric of the config can.
        WriteError: If there can be no such file.
    """
    check_writable(path, '--out')
    writers = [metric for metric in evaluators(cfg) if takes_out_file(metric)]
    if not writers:
        raise ValueError('--out needs a metric with the argument out_file, '
                         f'but got test_evaluator={cfg.test_evaluator}')
    for metric in writers:
        metric['out_file'] = path
    # no other metric can fail before they have written
    others = [metric for metric in evaluators(cfg) if metric not in writers]
    cfg.test_evaluator = [*writers, *others]


def takes_out_file(metric: dict) -> bool:
    """Whether the class of a metric has the argument ``out_file``."""
    cls = metric['type']
    cls = METRICS.get(cls) if isinstance(cls, str) else cls
    return cls is not None and 'out_file' in inspect.signature(cls).parameters


def dump_results(cfg: Config, path: str) -> None:
    """Add a metric that pickles what the model returned.

    Args:
        cfg (Config): Changed in place.
        path (str): Path of the pickle.

    Raises:
        ValueError: If the path does not end like a pickle.
        WriteError: If there can be no such file.
    """
    check_writable(path, '--dump')
    if not path.endswith(('.pkl', '.pickle')):
        raise ValueError(
            f'--dump must end with .pkl or .pickle, but got {path!r}')
    cfg.test_evaluator = [
        *evaluators(cfg),
        dict(type='dyfadet_mm.DumpMetric', out_file_path=path)
    ]


def dump_raw(cfg: Config, folder: str, dtype: str, force: bool) -> None:
    """Add the hook that saves what the network says before NMS.

    Args:
        cfg (Config): Changed in place.
        folder (str): Where it goes.
        dtype (str): Of the numbers.
        force (bool): Whether an earlier one is replaced.
    """
    cfg.custom_hooks = [
        *(cfg.get('custom_hooks') or []),
        dict(
            type='dyfadet_mm.RawPredictionsHook',
            out_dir=folder,
            dtype=dtype,
            force=force)
    ]


def evaluators(cfg: Config) -> list:
    """The metrics of the test, as a list."""
    metrics = cfg.test_evaluator
    return list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]


def main() -> None:
    """Evaluate as the command line says."""
    args = parse_args()
    cfg = merge_args(Config.fromfile(args.config), args)
    prepare_cpu_launch(cfg)
    if args.progress:
        show_progress(cfg)
    if 'runner_type' in cfg:
        runner = RUNNERS.build(cfg)
    else:
        runner = Runner.from_cfg(cfg)
    # weights that do not fit are an error here, not a warning
    runner.load_checkpoint = partial(runner.load_checkpoint, strict=True)
    choose_cpu_threads()
    runner.test()


if __name__ == '__main__':
    main()
