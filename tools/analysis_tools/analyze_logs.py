"""Plot what runs logged, or tell the time of their iterations.

Takes the arguments of MMDetection's and MMAction2's tools of this name, and
every name as it is logged, such as tad/average_mAP, loss or lr:

  analyze_logs.py plot_curve WORK_DIR/*/vis_data/scalars.json \\
      --keys tad/average_mAP --out curve.png
  analyze_logs.py cal_train_time WORK_DIR/*/vis_data/scalars.json

MMDetection's tool wants average_mAP instead and plots no recall; MMAction2's
cannot read the logs of MMEngine.
"""
import argparse
import json
import sys
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dyfadet_mm.visualization import Lettering, save_figure

USER_ERRORS = (KeyError, OSError, ValueError)


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest='task', required=True)
    curve = tasks.add_parser('plot_curve', help='plot values over iterations')
    curve.add_argument('json_logs', nargs='+', help='files scalars.json')
    curve.add_argument(
        '--keys',
        nargs='+',
        default=['tad/average_mAP'],
        help='logged names, the part before / may be left out '
        '(default: %(default)s)')
    curve.add_argument(
        '--legend', nargs='+', help='a name for every curve of every file')
    curve.add_argument('--title', help='line above the plot')
    curve.add_argument(
        '--out', required=True, help='image to write; an old one is replaced')
    time = tasks.add_parser(
        'cal_train_time', help='average time of an iteration')
    time.add_argument('json_logs', nargs='+', help='files scalars.json')
    time.add_argument(
        '--include-outliers',
        action='store_true',
        help='include the first value of every epoch')
    return parser.parse_args(args)


def read_log(path: str) -> List[Dict[str, float]]:
    """Read the lines of a log.

    Args:
        path (str): ``vis_data/scalars.json`` of a run.

    Returns:
        list[dict]: Values by name. ``iteration`` is added to each line: its
        own, or of a validation that of the training line before.

    Raises:
        ValueError: If a line is not JSON.
    """
    lines, iteration = [], 0
    with open(path, encoding='utf-8') as file:
        for number, text in enumerate(file, start=1):
            try:
                line = json.loads(text)
                # of lines of the training only
                iteration = line['step'] if 'iter' in line else iteration
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f'line {number} of {path!r} must be JSON as of '
                    f'vis_data/scalars.json, but got {text[:60]!r}') from error
            lines.append(dict(line, iteration=iteration))
    return lines


def values_of(lines: Sequence[Dict[str, float]], key: str,
              path: str) -> Tuple[List[float], List[float]]:
    """Iterations and values of one name.

    Args:
        lines (Sequence[dict]): As of :func:`read_log`.
        key (str): A logged name, or its end after the last slash.
        path (str): The log, for the message.

    Returns:
        tuple[list, list]: Iterations and values, equally many.

    Raises:
        KeyError: If the name is not in the log, or several have its end.
    """
    names = sorted({name for line in lines for name in line} - {'iteration'})
    found = [key] if key in names else [
        name for name in names if name.endswith(f'/{key}')
    ]
    if len(found) != 1:
        raise KeyError(f'--keys must be names logged in {path!r}, {names}, '
                       f'but got {key!r}')
    # a validation logs times too, which are others
    kept = [line for line in lines if found[0] in line]
    if any('iter' in line for line in kept):
        kept = [line for line in kept if 'iter' in line]
    return ([line['iteration']
             for line in kept], [line[found[0]] for line in kept])


def plot_curve(args: argparse.Namespace) -> None:
    """Draw every name of every log.

    Args:
        args (Namespace): As of :func:`parse_args`.
    """
    curves = [(f'{path} {key}', *values_of(read_log(path), key, path))
              for path in args.json_logs for key in args.keys]
    legend = args.legend or [name for name, *_ in curves]
    if len(legend) != len(curves):
        raise ValueError(f'--legend must have {len(curves)} names, one for '
                         f'every key of every log, but got {len(legend)}')
    letters = Lettering([*legend, args.title or ''])
    figure = Figure(figsize=(8, 5), dpi=150, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, (_, x, y) in zip(legend, curves):
        axes.plot(x, y, label=letters.spell(name), marker='.')
    axes.set_xlabel('iteration')
    axes.set_title(letters.spell(args.title or ''), **letters.font())
    figure.legend(
        loc='outside lower center', prop=dict(size=8, **letters.font()))
    save_figure(figure, args.out)
    print(f'curves of {len(curves)} keys are in {args.out}')


def cal_train_time(args: argparse.Namespace) -> None:
    """Print the average time of an iteration, per epoch and of all.

    Args:
        args (Namespace): As of :func:`parse_args`.
    """
    for path in args.json_logs:
        times = {}
        for line in read_log(path):
            if 'iter' in line and 'time' in line:
                times.setdefault(line.get('epoch', 1), []).append(line['time'])
        if not args.include_outliers:
            times = {k: v[1:] or v for k, v in times.items()}
        if not times:
            raise KeyError(f'{path!r} must have lines of a training with '
                           '"iter" and "time", but got none')
        means = {epoch: np.mean(values) for epoch, values in times.items()}
        slowest, fastest = max(means, key=means.get), min(means, key=means.get)
        print(f'{path}\n'
              f'slowest epoch {slowest}: {means[slowest]:.4f} s/iter\n'
              f'fastest epoch {fastest}: {means[fastest]:.4f} s/iter\n'
              f'average: {np.mean(list(means.values())):.4f} s/iter')


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    try:
        dict(
            plot_curve=plot_curve, cal_train_time=cal_train_time)[args.task](
                args)
    except USER_ERRORS as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        sys.exit(f'{type(error).__name__}: {text}')


if __name__ == '__main__':
    main()
