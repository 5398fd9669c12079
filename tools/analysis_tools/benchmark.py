"""Measure a model's speed and memory, beside the published computation.

    python tools/analysis_tools/benchmark.py CONFIG --length 2304 --valid 1212
    python tools/analysis_tools/benchmark.py CONFIG --lengths thumos14
    python tools/analysis_tools/benchmark.py CONFIG --train

*fast* is the model of the config; *plain* are the same weights computed as the
published code does (tests/plain of a checkout), in float32 and padded to
max_seq_len. Both take turns, so that a drift of the machine hits both.
Features, actions and, without a checkpoint, weights are random.
"""
import argparse
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Dict, List, NamedTuple, Optional, Sequence

import torch
from benchmark_runs import (HALF, Seconds, Variant, build, count_flop,
                            largest_difference, load_plain, matrix_rate,
                            measure_seconds, memory_growth)
from mmengine.config import Config, DictAction
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table

from dyfadet_mm.engine import merge_options
from dyfadet_mm.fileio import check_writable, save_json, user_errors

COMPILE_MODES = ('default', 'reduce-overhead', 'max-autotune')
SHIPPED = dict(thumos14=Path(__file__).with_name('thumos14_test_lengths.txt'))
# unit: factor and text of the table
TEXTS = {
    's': (1e3, '{:,.1f} ms'),
    'B': (1e-6, '{:,.0f} MB'),
    'FLOP': (1e-9, '{:,.2f} GFLOP'),
    'FLOP/s': (1e-9, '{:,.0f} GFLOP/s'),
    'cells/s': (1, '{:,.0f} cells/s'),
    'share': (1e2, '{:.0f} %'),
    '': (1, '{:.1e}')
}


class Row(NamedTuple):
    """A line of the report: one value of every variant, in SI units."""
    unit: str
    values: Dict[str, float]

    @property
    def ratio(self) -> Optional[float]:
        """How many times better *fast* is, where that makes sense."""
        if len(self.values) < 2 or self.unit in ('share', 'FLOP/s'):
            return None
        ratio = self.values['plain'] / self.values['fast']
        return 1 / ratio if self.unit == 'cells/s' else ratio

    def texts(self) -> List[str]:
        """Values and ratio for people."""
        factor, text = TEXTS[self.unit]
        texts = [text.format(factor * value) for value in self.values.values()]
        return texts + ([] if self.ratio is None else [f'{self.ratio:.2f}x'])


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('config', help='path of the config')
    parser.add_argument('--checkpoint', help='weights (default: random ones)')
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument(
        '--dtype',
        choices=['float32', 'tf32', *HALF],
        default='float32',
        help='of the matrix products of fast (default: %(default)s)')
    parser.add_argument(
        '--compile',
        nargs='?',
        const=COMPILE_MODES[0],
        choices=COMPILE_MODES,
        help='compile fast with torch.compile, in this mode')
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        '--length', type=int, help='cells with padding (default: max_seq_len)')
    group.add_argument(
        '--lengths',
        metavar='FILE',
        help='cells of a video per line, to report the means of; "thumos14"\n'
        'is the test set')
    parser.add_argument(
        '--valid', type=int, help='cells without padding (default: all)')
    parser.add_argument(
        '--batch-size',
        type=int,
        help="videos at a time (default: 1; with --train, the config's)")
    parser.add_argument(
        '--train', action='store_true', help='a training step, not inference')
    parser.add_argument(
        '--repeats',
        type=int,
        default=5,
        help='runs to take the median of (default: %(default)s)')
    parser.add_argument(
        '--plain',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='measure the published computation, too')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in model.head.num_classes=5')
    parser.add_argument(
        '--out', metavar='JSON', help='file to write; an old one is replaced')
    # how the script calls itself
    parser.add_argument('--memory-of', help=argparse.SUPPRESS)
    return parser.parse_args(args)


def check_args(args: argparse.Namespace) -> None:
    """Refuse what cannot be measured.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Raises:
        ValueError: If options are out of range or do not go together.
        FileNotFoundError: If there is no plain model to measure.
        WriteError: If --out cannot be written.
    """
    if args.plain:
        load_plain()
    if args.out is not None:
        check_writable(args.out, '--out')
    for name in ('length', 'valid', 'batch_size', 'repeats'):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f'--{name.replace("_", "-")} must be at least 1, '
                             f'but got {value}')
    if args.device == 'cuda' and not torch.cuda.is_available():
        raise ValueError('--device cuda needs a GPU that PyTorch can use, but '
                         'got none; leave the option out')
    if args.dtype == 'tf32' and args.device == 'cpu':
        raise ValueError('--dtype tf32 needs --device cuda')
    if args.train and args.dtype == 'float16':
        raise ValueError('--train must not be in float16, which needs a loss '
                         'scale; choose --dtype bfloat16')
    if args.lengths and (args.train or args.valid):
        raise ValueError('--lengths is for inference on whole videos; leave '
                         'out --train and --valid')


def read_lengths(path: str) -> List[int]:
    """Read a file of video lengths.

    Args:
        path (str): Text with a number of cells per line, where lines that
            begin with ``#`` are comments; or a name of ``SHIPPED``.

    Returns:
        list[int]: Cells of each video.

    Raises:
        ValueError: If a line is not a positive number, or there is none.
    """
    lines = Path(SHIPPED.get(path, path)).read_text().splitlines()
    lines = [line.strip() for line in lines if not line.startswith('#')]
    lines = [line for line in lines if line]
    bad = [line for line in lines if not line.isdecimal() or int(line) < 1]
    if bad or not lines:
        raise ValueError('--lengths must hold a positive number per line, '
                         f'but got {bad[0] if bad else "none"!r} in {path!r}')
    return [int(line) for line in lines]


def load_config(args: argparse.Namespace) -> Config:
    """Read the config, and settle the arguments that depend on it.

    Args:
        args (Namespace): Changed in place: ``batch_size``, and ``lengths``,
            the cells of the videos to measure.

    Returns:
        Config: With the options merged.

    Raises:
        ValueError: If the config lacks what an option needs.
    """
    cfg = merge_options(Config.fromfile(args.config), args.cfg_options)
    if cfg.model.get('encoder'):
        raise ValueError('the config must be of a detector that reads '
                         'features, but has model.encoder; set '
                         'model.encoder=None and model.backbone.in_channels')
    cfg.model.pop('score_fusion', None)  # it reads scores of real videos
    if args.train and 'optim_wrapper' not in cfg:
        raise ValueError('--train needs optim_wrapper in the config')
    if args.batch_size is None:
        loader = cfg.get('train_dataloader') if args.train else None
        args.batch_size = (loader or {}).get('batch_size', 1)
    if args.length is not None:
        cfg.merge_from_dict(
            {'model.data_preprocessor.max_seq_len': args.length})
    if args.lengths is not None:
        args.lengths = read_lengths(args.lengths)
        return cfg
    total = cfg.model.data_preprocessor.max_seq_len
    args.lengths = [args.valid or total]
    if args.lengths[0] > total:
        raise ValueError(f'--valid must be at most the {total} cells with '
                         f'padding, but got {args.valid}')
    return cfg


def measure_memory(name: str, argv: Sequence[str]) -> int:
    """Bytes that a variant takes at most, in a process of its own.

    Args:
        name (str): Name of the variant.
        argv (Sequence[str]): The command line.

    Returns:
        int: See :func:`memory_growth`.

    Raises:
        RuntimeError: If the process fails, as for want of memory.
    """
    done = subprocess.run(
        [sys.executable, __file__, *argv, '--memory-of', name],
        stdout=subprocess.PIPE,
        text=True)
    if done.returncode:
        raise RuntimeError(f'the memory of {name} could not be measured, its '
                           f'process ended with code {done.returncode}')
    return int(done.stdout.split()[-1])


def benchmark(cfg: Config, args: argparse.Namespace,
              argv: Sequence[str]) -> Dict[str, Row]:
    """Measure what the command line asks for.

    Args:
        cfg (Config): As of :func:`load_config`.
        args (Namespace): Likewise.
        argv (Sequence[str]): The command line, for processes of its kind.

    Returns:
        dict[str, Row]: By the names of what is measured.
    """
    names = ['fast', 'plain'] if args.plain else ['fast']
    # first, since a process inherits the peak of the one that starts it
    memory = {name: measure_memory(name, argv) for name in names}
    variants = [build(name, cfg, args) for name in names]
    seconds = measure_seconds(variants, args)
    rows = {
        part: Row('s', {name: seconds[name][part]
                        for name in names})
        for part in seconds['fast']
    }
    cells = args.batch_size * mean(args.lengths)
    rows['throughput'] = Row(
        'cells/s', {name: cells / seconds[name]['whole']
                    for name in names})
    rows['peak memory'] = Row('B', memory)
    if len(args.lengths) == 1:
        rows.update(measure_flop(variants, seconds, args))
        if args.plain and not args.train:
            difference = largest_difference(variants, args)
            rows['largest difference'] = Row('', dict(fast=difference))
    return rows


def measure_flop(variants: Sequence[Variant], seconds: Dict[str, Seconds],
                 args: argparse.Namespace) -> Dict[str, Row]:
    """Operations, and the share that they reach of the machine's rate.

    Args:
        variants (Sequence[Variant]): What to count.
        seconds (dict[str, dict]): As of :func:`measure_seconds`.
        args (Namespace): As of :func:`load_config`, with one length.

    Returns:
        dict[str, Row]: By the names of what is measured.
    """
    part = 'whole' if args.train else 'forward'
    flop, rates, shares = {}, {}, {}
    for variant in variants:
        name = variant.name
        flop[name] = count_flop(variant, args)
        rates[name] = matrix_rate(variant.device, variant.dtype)
        shares[name] = flop[name] / seconds[name][part] / rates[name]
    return {
        'operations': Row('FLOP', flop),
        'matrix rate': Row('FLOP/s', rates),
        'share of matrix rate': Row('share', shares)
    }


def setting(args: argparse.Namespace) -> dict:
    """What the numbers depend on, for the report."""
    names = ('config', 'checkpoint', 'train', 'dtype', 'compile', 'batch_size',
             'length', 'valid', 'repeats', 'cfg_options')
    on_gpu = args.device == 'cuda'
    return dict({name: getattr(args, name)
                 for name in names},
                videos=len(args.lengths),
                device=torch.cuda.get_device_name() if on_gpu else 'cpu',
                threads=torch.get_num_threads(),
                torch=torch.__version__)


def print_table(rows: Dict[str, Row], about: dict) -> None:
    """Print the report."""
    for name, value in about.items():
        if value not in (None, False):
            print(f'{name}: {value}')
    names = list(rows['whole'].values)
    table = Table('')
    for column in names + ['ratio'] * (len(names) > 1):
        table.add_column(column, justify='right')
    for name, row in rows.items():
        table.add_row(name, *row.texts())
    Console().print(table)


def write_json(rows: Dict[str, Row], about: dict, path: str) -> None:
    """Write the report, in seconds, bytes, FLOP and FLOP/s."""
    results = {
        name: dict(row.values, ratio=row.ratio, unit=row.unit)
        for name, row in rows.items()
    }
    save_json(path, dict(setting=about, results=results), indent=1)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    with user_errors():
        check_args(args)
        cfg = load_config(args)
    init_default_scope(cfg.get('default_scope', 'dyfadet_mm'))
    # MMEngine logs how it initialised every parameter
    MMLogger.get_instance('benchmark', log_level='WARNING')
    if args.memory_of:
        print(memory_growth(build(args.memory_of, cfg, args), args))
        return
    rows, about = benchmark(cfg, args, argv), setting(args)
    print_table(rows, about)
    if args.out is not None:
        write_json(rows, about, args.out)


if __name__ == '__main__':
    main()
