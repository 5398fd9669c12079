"""Train, test and compare configs on a data set, in one table.

    python tools/analysis_tools/compare.py CONFIG LABEL=CONFIG ... \\
        --seeds 2 --work-dir DIR --cfg-options data_root=data/mine/ ...

Every config is trained and tested with the seeds 0, 1, ..., each run in a
process and a folder of its own, DIR/LABEL/seed_SEED: the config, the log,
checkpoints and result.json. A run that fails is told at the end and does not
stop the others. Then parameters, operations and latency of all configs are
measured in turns on the test video of median length, and DIR/comparison.md,
.csv and .png are written.

The same command goes on where it was stopped: a finished run is kept, and an
interrupted training starts again with the epoch it was in, to the same result
(see compare_runs.py). Runs with other options are refused. The order of the
random numbers is not that of tools/train.py, which gives other results of the
same kind.
"""
import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import torch
from compare_costs import Cost, measure_once
from compare_plan import (Run, check_config, check_earlier, claim_work_dir,
                          plan_runs, read_configs)
from compare_tables import Row, write_report
from mmengine.config import Config, DictAction
from mmengine.logging import MMLogger
from rich.progress import (BarColumn, Progress, TextColumn, TimeElapsedColumn,
                           TimeRemainingColumn)


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        'configs',
        nargs='+',
        metavar='CONFIG',
        help='path of a config, or LABEL=PATH (default label: file name)')
    parser.add_argument(
        '--seeds', type=int, default=1, help='how many (default: %(default)s)')
    parser.add_argument(
        '--work-dir',
        default='work_dirs/compare',
        metavar='DIR',
        help='folder of the comparison (default: %(default)s)')
    parser.add_argument(
        '--checkpoint',
        choices=['best', 'last'],
        default='best',
        help='weights in the table: those that validated best, as the\n'
        'recipes keep them, or those of the last epoch; both are tested,\n'
        'and their average mAP is in the table (default: %(default)s)')
    parser.add_argument(
        '--threads',
        type=int,
        default=torch.get_num_threads(),
        help='of PyTorch (default: %(default)s)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change all configs, as in data_root=data/mine/ max_epochs=20')
    return parser.parse_args(args)


def check_args(args: argparse.Namespace) -> None:
    """Refuse numbers out of range.

    Raises:
        ValueError: Naming the option.
    """
    for name in ('seeds', 'threads'):
        if getattr(args, name) < 1:
            raise ValueError(f'--{name} must be at least 1, but got '
                             f'{getattr(args, name)}')


def execute(run: Run, threads: int, show: Callable[[dict],
                                                   None]) -> Optional[str]:
    """Train and test in a process of its own.

    Args:
        run (Run): Not finished.
        threads (int): Of PyTorch.
        show (Callable): Called with the content of ``progress.json``.

    Returns:
        str, optional: Why it failed.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    part = run.folder / 'config.part'
    part.write_text(run.cfg.pretty_text, encoding='utf-8')
    part.replace(run.folder / 'config.py')
    script = Path(__file__).with_name('compare_runs.py')
    with open(run.folder / 'log.txt', 'a+', encoding='utf-8') as log, \
            subprocess.Popen(
                [sys.executable, script, run.folder, str(threads)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT) as process:
        start = log.tell()
        while process.poll() is None:
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                progress = run.folder / 'progress.json'
                if progress.exists():
                    show(json.loads(progress.read_text()))
    if process.returncode == 0:
        return None
    text = (run.folder /
            'log.txt').read_bytes()[start:].decode(errors='replace')
    return (f'ended with code {process.returncode}, {find_error(text)}; see '
            f'{run.folder}/log.txt')


def find_error(log: str) -> str:
    """The line of a log that says why; the last one where no error does."""
    lines = [line.strip() for line in log.split('\n') if line.strip()]
    errors = [
        line for line in lines if re.match(r'[\w.]+(Error|Exception)\b', line)
    ]
    return (errors or lines or ['without a word'])[-1]


def execute_all(runs: Sequence[Run], threads: int) -> List[str]:
    """Execute what is not finished, and show how far it is.

    Args:
        runs (Sequence[Run]): All.
        threads (int): Of PyTorch.

    Returns:
        list[str]: Failures, in words.
    """
    failures = []
    with Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            TextColumn('{task.completed:.1f}/{task.total} runs'),
            TimeElapsedColumn(),
            TextColumn('left'),
            TimeRemainingColumn(),
            speed_estimate_period=3600) as progress:
        finished = sum(run.result is not None for run in runs)
        task = progress.add_task('', total=len(runs), completed=finished)
        for run in runs:
            if run.result is not None:
                continue
            name = f'{run.label}, seed {run.seed}'

            def show(state: dict) -> None:
                progress.update(
                    task,
                    completed=finished + state['share'],
                    description=f'{name}, epoch {state["epoch"]} of '
                    f'{state["max_epochs"]}')

            progress.update(task, description=name)
            error = execute(run, threads, show)
            progress.console.print(
                f'{name}: {error or "finished"}', markup=False)
            finished += 1
            progress.update(task, completed=finished)
            if error is not None:
                failures.append(f'{name}: {error}')
    return failures


def subjects_of(runs: Sequence[Run],
                checkpoint: str) -> Dict[str, Tuple[Config, Path]]:
    """Config and weights of the first finished run of every label."""
    subjects = {}
    for run in runs:
        if run.result is not None:
            path = run.folder / run.result[checkpoint]['checkpoint']
            subjects.setdefault(run.label, (run.cfg, path))
    return subjects


def tabulate(runs: Sequence[Run], checkpoint: str,
             costs: Dict[str, Cost]) -> List[Row]:
    """Collect what the runs have written, config by config."""
    rows = []
    for label in dict.fromkeys(run.label for run in runs):
        results = [run.result for run in runs if run.label == label]
        results = [result for result in results if result is not None]
        rows.append(Row(label, checkpoint, results, costs.get(label)))
    return rows


def describe(rows: Sequence[Row], args: argparse.Namespace) -> str:
    """Say what the numbers of the table are."""
    text = (f'mAP in percent on the test set, {args.checkpoint} weights, '
            f'{args.threads} threads.')
    if args.seeds > 1:
        text += (' Means over the seeds, and their sample standard deviation; '
                 'worst seed: the lowest average mAP of them.')
    text += (' Best and last epoch: average mAP of the weights that validated '
             'best and of those of the last epoch.')
    cells = [row.cost.cells for row in rows if row.cost is not None]
    if cells:
        text += (' GFLOP and latency: from features, or frames, to detections '
                 f'for the test video of median length, {cells[0]} cells.')
    return text + ' Training: hours, minutes, seconds without validation.'


def compare(args: argparse.Namespace) -> List[str]:
    """Run the whole comparison.

    Args:
        args (Namespace): Of the command line.

    Returns:
        list[str]: Failures, in words.
    """
    work_dir = Path(args.work_dir)
    cfgs = read_configs(args)
    for label, cfg in cfgs.items():
        check_config(label, cfg, args.checkpoint)
    runs = plan_runs(cfgs, args.seeds, work_dir)
    with claim_work_dir(work_dir, dict(threads=args.threads)):
        for run in runs:
            check_earlier(run)
        failures = execute_all(runs, args.threads)
        costs, more = measure_once(
            subjects_of(runs, args.checkpoint), work_dir / 'costs.json')
        failures += more
        rows = tabulate(runs, args.checkpoint, costs)
        print(write_report(rows, describe(rows, args), failures, work_dir))
    return failures


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(argv)
    MMLogger.get_instance('compare', log_level='WARNING')
    torch.set_num_threads(args.threads)
    try:
        check_args(args)
        failures = compare(args)
    except (OSError, ValueError) as error:
        sys.exit(f'{type(error).__name__}: {error}')
    except KeyboardInterrupt:
        sys.exit('stopped; the same command goes on')
    if failures:
        sys.exit(1)


if __name__ == '__main__':
    main()
