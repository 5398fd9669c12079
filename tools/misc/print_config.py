"""Print the whole config that is behind a path or a name.

    python tools/misc/print_config.py CONFIG
    python tools/misc/print_config.py work_dirs/NAME/epoch_40.pth
    python tools/misc/print_config.py dyfadet://NAME --save-path whole.py

CONFIG is a config, with its bases put in, a checkpoint, which holds the config
of its training, or a name of the model zoo. Nothing but the config is printed.
"""
import argparse
from typing import Optional, Sequence

from mmengine.config import DictAction
from mmengine.logging import MMLogger

from dyfadet_mm.apis.detector import CONFIGS, read_config
from dyfadet_mm.engine import merge_options
from dyfadet_mm.fileio import atomic_path, user_errors
from dyfadet_mm.visualization.outputs import check_new


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='a config, a checkpoint, or a name')
    parser.add_argument(
        '--save-path',
        metavar='FILE',
        help=f'write it as well, to a new file in {", ".join(CONFIGS)}')
    parser.add_argument(
        '--force', action='store_true', help='replace the file')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in model.head.num_classes=5; a list is '
        'written key="[a,b]" or key=a,b without white space')
    return parser.parse_args(args)


def print_config(args: argparse.Namespace) -> None:
    """Print a config, and write it where that is asked.

    Args:
        args (Namespace): As of :func:`parse_args`.
    """
    path = args.save_path
    if path is not None:
        if not path.endswith(CONFIGS):
            raise ValueError(f'--save-path must end in one of {CONFIGS}, but '
                             f'got {path!r}')
        check_new(path, args.force)
    cfg = merge_options(read_config(args.config), args.cfg_options)
    print(cfg.pretty_text)
    if path is not None:
        suffix = path[path.rindex('.'):]
        with atomic_path(path, suffix) as part:
            cfg.dump(part)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    # it would tell of each loaded file
    MMLogger.get_current_instance().setLevel('WARNING')
    with user_errors():
        print_config(args)


if __name__ == '__main__':
    main()
