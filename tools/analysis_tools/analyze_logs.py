"""Plot what runs logged, name their best epochs, or tell the time they took.

Takes the arguments of MMDetection's and MMAction2's tools of this name, and
every name as it is logged, such as tad/average_mAP, loss or lr:

  analyze_logs.py plot_curve work_dirs/a work_dirs/b --keys tad/average_mAP \\
      --out curve.png
  analyze_logs.py best_epochs work_dirs/a work_dirs/b
  analyze_logs.py cal_train_time work_dirs/a

A work directory stands for all parts of a run that was resumed: what was done
twice counts once, as the last part did it. One part is a file
work_dirs/a/*/vis_data/scalars.json. The last line of a run that was killed may
be cut short; it is left out.

MMDetection's tool wants average_mAP instead and plots no recall; MMAction2's
cannot read the logs of MMEngine.
"""
import argparse
import json
import math
import os.path as osp
import sys
from glob import escape, glob
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dyfadet_mm.fileio import read_lines, user_errors
from dyfadet_mm.visualization import Lettering, save_figure

Lines = List[Dict[str, Any]]

# of a line, what says where it stands
PLACES = ('step', 'iteration', 'epoch')
LOGS = 'work directories, or files scalars.json'


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest='task', required=True)
    curve = tasks.add_parser('plot_curve', help='plot values over iterations')
    curve.add_argument('json_logs', nargs='+', help=LOGS)
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
    best = tasks.add_parser(
        'best_epochs', help='best value of every metric of the validations')
    best.add_argument('json_logs', nargs='+', help=LOGS)
    time = tasks.add_parser(
        'cal_train_time', help='average time of an iteration')
    time.add_argument('json_logs', nargs='+', help=LOGS)
    time.add_argument(
        '--include-outliers',
        action='store_true',
        help='include the first value of every epoch')
    return parser.parse_args(args)


def read_run(path: str) -> Lines:
    """Read what a run logged, over all its parts.

    Args:
        path (str): Its work directory, or ``vis_data/scalars.json`` of one
            part.

    Returns:
        list[dict]: Values by name. ``iteration`` and ``epoch`` are added to
        each line: its own, or of a validation those of the training before.

    Raises:
        ValueError: If there is no line, or one is not JSON.
    """
    is_dir = osp.isdir(path)
    pattern = osp.join(escape(path), '*', 'vis_data', 'scalars.json')
    lines: Lines = []
    for part in sorted(glob(pattern)) if is_dir else [path]:
        new = read_log(part)
        first = next((line['iter'] for line in new if 'iter' in line), None)
        if first is None and is_dir:
            continue  # a validation alone, of any checkpoint
        lines = [line for line in lines if line['iteration'] < first]
        lines += placed(new, lines[-1] if lines else {})
    if not lines:
        raise ValueError(
            f'{path!r} must be a work directory or a file scalars.json with '
            'what a training logged, but got none of it; a run logs first '
            'after default_hooks.logger.interval iterations')
    # a validation that was made up for comes at the same iteration again
    return list({(each['iteration'], *each): each for each in lines}.values())


def read_log(path: str) -> Lines:
    """Read the lines of a log.

    Args:
        path (str): ``vis_data/scalars.json``.

    Returns:
        list[dict]: Values by name, without a last line that is cut short.

    Raises:
        ValueError: If another line is not JSON.
    """
    lines: Lines = []
    texts = read_lines(
        path, 'log', 'give a work directory, or one of its '
        '*/vis_data/scalars.json')
    for number, text in enumerate(texts, start=1):
        try:
            line = json.loads(text)
            if not isinstance(line['step'], int):
                raise TypeError
            lines.append(line)
        except (KeyError, TypeError, ValueError) as error:
            if number == len(texts) and text.startswith('{'):
                print(f'the last line of {path} is cut short', file=sys.stderr)
                break
            raise ValueError(
                f'line {number} of {path!r} must be JSON as of '
                f'vis_data/scalars.json, but got {text[:60]!r}') from error
    return lines


def placed(lines: Lines, before: Dict[str, Any]) -> Iterator[dict]:
    """Lines with the iteration and the epoch of the training they belong to.

    Args:
        lines (list[dict]): As of :func:`read_log`.
        before (dict): The line before them, which has both, or nothing.

    Yields:
        dict: The lines.
    """
    where = {key: before.get(key, 0) for key in ('iteration', 'epoch')}
    for line in lines:
        if 'iter' in line:
            where = dict(iteration=line['iter'], epoch=line.get('epoch', 1))
        yield {**line, **where}


def values_of(lines: Lines, key: str,
              path: str) -> Tuple[List[float], List[float]]:
    """Iterations and values of one name.

    Args:
        lines (list[dict]): As of :func:`read_run`.
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
    curves = [(f'{path} {key}', *values_of(read_run(path), key, path))
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


def best_epochs(args: argparse.Namespace) -> None:
    """Print the best value of every metric, and its epoch.

    Args:
        args (Namespace): As of :func:`parse_args`.
    """
    for path in args.json_logs:
        # other lines without "iter" are those of hooks
        validations = [
            line for line in read_run(path) if 'iter' not in line and any(
                name.endswith('data_time') for name in line)
        ]
        if not validations:
            raise ValueError(f'{path!r} must have a validation, but got none')
        print(f'{path}: {len(validations)} validations')
        for name in validations[-1]:
            found = [line for line in validations if is_number(line, name)]
            if name.endswith('time') or name in PLACES or not found:
                continue
            choose = min if 'loss' in name else max
            best = choose(found, key=lambda line: line[name])
            print(
                f'{name}: {best[name]:.4f} after epoch {best["epoch"]} '
                f'(iteration {best["iteration"]}), last {found[-1][name]:.4f}')


def is_number(line: Dict[str, Any], name: str) -> bool:
    """Whether a line has a number of a name that is not NaN."""
    value = line.get(name)
    return isinstance(value, (int, float)) and not math.isnan(value)


def cal_train_time(args: argparse.Namespace) -> None:
    """Print the average time of an iteration, per epoch and of all.

    Args:
        args (Namespace): As of :func:`parse_args`.
    """
    for path in args.json_logs:
        times: Dict[int, List[float]] = {}
        for line in read_run(path):
            # the other name is that of LogProcessor(log_with_hierarchy=True)
            time = line.get('time', line.get('train/time'))
            if 'iter' in line and time is not None:
                times.setdefault(line['epoch'], []).append(time)
        if not args.include_outliers:
            times = {k: v[1:] or v for k, v in times.items()}
        if not times:
            raise ValueError(f'{path!r} must have lines of a training with '
                             '"iter" and "time", but got none')
        means = {epoch: np.mean(values) for epoch, values in times.items()}
        slowest, fastest = max(means, key=means.get), min(means, key=means.get)
        print(
            f'{path}\n'
            f'slowest epoch {slowest}: {means[slowest]:.4f} s/iter\n'
            f'fastest epoch {fastest}: {means[fastest]:.4f} s/iter\n'
            f'standard deviation over epochs: {np.std([*means.values()]):.4f}'
            ' s/iter\n'
            f'average: {np.mean(np.concatenate([*times.values()])):.4f} '
            's/iter')


TASKS = dict(
    plot_curve=plot_curve,
    best_epochs=best_epochs,
    cal_train_time=cal_train_time)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    with user_errors():
        TASKS[args.task](args)


if __name__ == '__main__':
    main()
