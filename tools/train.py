"""Train a model: ``python tools/train.py CONFIG``."""
import argparse
import os
import os.path as osp
from glob import escape, glob
from typing import Optional, Sequence

# threads that sleep while they wait leave a busy CPU to the others; it is
# read when torch is imported
if 'OMP_WAIT_POLICY' not in os.environ:
    os.environ['OMP_WAIT_POLICY'] = 'PASSIVE'

from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from dyfadet_mm.engine import hold_work_dir, merge_options, show_progress
from dyfadet_mm.utils import choose_cpu_threads, prepare_cpu_launch


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Parse the command line; without arguments, that of this process."""
    parser = argparse.ArgumentParser(description='Train a model')
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--work-dir',
        help='folder for logs and checkpoints; without it, '
        'work_dir of the config, or work_dirs/ and the name of the config')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint; without its path, from the latest in '
        'the work directory')
    parser.add_argument(
        '--amp',
        action='store_true',
        help='train in mixed precision: float16 on a GPU, bfloat16 on a CPU')
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='do not evaluate during training')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the batch size over that of '
        'auto_scale_lr.base_batch_size')
    parser.add_argument('--seed', type=int, help='seed of all random numbers')
    parser.add_argument(
        '--diff-rank-seed',
        action='store_true',
        help='give every process a seed of its own')
    parser.add_argument(
        '--deterministic',
        action='store_true',
        help='use deterministic algorithms only')
    parser.add_argument(
        '--progress',
        action='store_true',
        help='show a progress bar in place of the log, which is in a file')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in model.head.num_classes=5 lr=1e-3; a '
        'list is written key="[a,b]" or key=a,b without white space')
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
            has an optimizer wrapper or no setting for what is asked.
    """
    merge_options(cfg, args.cfg_options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        name = osp.splitext(osp.basename(args.config))[0]
        cfg.work_dir = osp.join('work_dirs', name)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.auto_scale_lr:
        if cfg.get('auto_scale_lr') is None:
            raise ValueError('--auto-scale-lr needs auto_scale_lr='
                             'dict(base_batch_size=...) in the config')
        cfg.auto_scale_lr.enable = True
    if args.amp:
        use_amp(cfg)
    set_randomness(cfg, args)
    return cfg


def use_amp(cfg: Config) -> None:
    """Exchange the optimizer wrapper for that of mixed precision."""
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    # a class in a config of the new style
    wrapper = getattr(wrapper, '__name__', wrapper).split('.')[-1]
    if wrapper not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise ValueError('--amp needs optim_wrapper.type to be OptimWrapper '
                         f'or AmpOptimWrapper, but got {wrapper!r}')
    if get_device() == 'cpu':
        # a CPU has no float16, and bfloat16 needs no scaling of the loss
        cfg.optim_wrapper.pop('loss_scale', None)
        cfg.optim_wrapper.type = 'dyfadet_mm.Bfloat16OptimWrapper'
        return
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def set_randomness(cfg: Config, args: argparse.Namespace) -> None:
    """Let the command line change the config's randomness."""
    randomness = dict(cfg.get('randomness') or dict(seed=None))
    if args.seed is not None:
        randomness['seed'] = args.seed
    for name in ('diff_rank_seed', 'deterministic'):
        if getattr(args, name):
            randomness[name] = True
    cfg.randomness = randomness


def check_work_dir(cfg: Config) -> None:
    """Keep the checkpoints of an earlier run.

    Args:
        cfg (Config): With the command line merged.

    Raises:
        FileExistsError: If the work directory holds checkpoints and the run
            does not resume.
    """
    if cfg.get('resume'):
        return
    found = sorted(glob(osp.join(escape(cfg.work_dir), '*.pth')))
    if found:
        raise FileExistsError(
            'work_dir must hold no checkpoints of an earlier run, but got '
            f'{cfg.work_dir!r} with {osp.basename(found[0])!r}; go on from '
            'them with --resume, or choose another --work-dir')


def main() -> None:
    """Train as the command line says."""
    args = parse_args()
    cfg = merge_args(Config.fromfile(args.config), args)
    if cfg.launcher == 'none':  # else TADCheckpointHook does, in one process
        hold_work_dir(cfg.work_dir)
    check_work_dir(cfg)
    prepare_cpu_launch(cfg)
    if args.progress:
        show_progress(cfg)
    if 'runner_type' in cfg:
        runner = RUNNERS.build(cfg)
    else:
        runner = Runner.from_cfg(cfg)
    choose_cpu_threads()
    runner.train()


if __name__ == '__main__':
    main()
