"""Say what is wrong with a data set before hours of training.

    python tools/analysis_tools/check_dataset.py CONFIG --out check.png

The training, validation and test sets of the config are read as training
would read them, and every problem is listed, not only the first: features,
annotations, stride and fps, actions against the detector's ranges, the
schedule against the number of iterations. Exit status: 1 if there are errors,
2 if the command line or the config is wrong, 0 otherwise.
"""
import argparse
import copy
import os
import sys
import time
from collections import Counter
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from dataset_annotations import survey_dataset
from dataset_checks import (check_actions, check_class_balance,
                            check_dimensions, check_num_classes, check_overlap,
                            check_scores, class_counts)
from dataset_figures import draw_histograms
from dataset_grid_checks import check_max_seq_len, check_outside
from dataset_magnitudes import check_magnitudes
from dataset_range_checks import check_ranges
from dataset_reading import read_features
from dataset_schedule import Training, check_training, measure_training
from dataset_survey import (DATA_ERRORS, Finding, Survey, inner_configs,
                            merge_equal, text_of)
from dataset_timing import check_timing, measure_timing
from dataset_units import check_units
from dataset_video_checks import check_videos
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import nn

from dyfadet_mm.engine import merge_options
from dyfadet_mm.fileio import check_writable, find_videos, save_json
from dyfadet_mm.models.heads import BaseTADHead
from dyfadet_mm.registry import MODELS
from dyfadet_mm.visualization import save_figure

PHASES = ('train', 'val', 'test')
COLORS = dict(error='bold red', warning='yellow', note='dim')


class Report(NamedTuple):
    """Everything that is known about the data of a config.

    Attributes:
        surveys (list[Survey]): Training first, if there is any.
        findings (list[Finding]): Errors first.
        levels (dict): Actions per level of the pyramid, by data set.
        head (BaseTADHead): Head of the config, None if there is none.
        max_seq_len (int): Cells, None if the config says none.
        training (Training): Iterations, None if they cannot be told.
    """
    surveys: List[Survey]
    findings: List[Finding]
    levels: dict
    head: Optional[BaseTADHead]
    max_seq_len: Optional[int]
    training: Optional[Training]


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in data_root=data/mine feat_stride=8')
    parser.add_argument(
        '--max-videos',
        type=int,
        help='read the features of so many videos of each set only; all are\n'
        'looked for')
    parser.add_argument(
        '--jobs',
        type=int,
        default=min(os.cpu_count() or 1, 8),
        help='threads that read (default: %(default)s)')
    parser.add_argument(
        '--videos',
        metavar='FOLDER',
        help='video files, whose frames the cells of the features must fit')
    parser.add_argument('--out', metavar='PNG', help='new file for histograms')
    parser.add_argument(
        '--json', metavar='FILE', help='new file for the findings')
    parser.add_argument(
        '--force', action='store_true', help='replace old files')
    return parser.parse_args(args)


def check_args(args: argparse.Namespace) -> None:
    """Refuse a command line that cannot be meant.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Raises:
        FileExistsError: If a file would be lost.
        FileNotFoundError: If there are no videos where they should be.
        WriteError: If a file cannot be written.
        ValueError: If a number is below 1.
    """
    for name in ('max_videos', 'jobs'):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f'--{name.replace("_", "-")} must be at least 1, '
                             f'but got {value}')
    if args.videos is not None:
        find_videos([args.videos])
    for name in ('out', 'json'):
        path = getattr(args, name)
        if path is None:
            continue
        if os.path.lexists(path) and not args.force:
            raise FileExistsError(f'--{name} must be a new file, but got '
                                  f'{path!r}; choose another, or --force')
        check_writable(path, f'--{name}')


def load_config(args: argparse.Namespace) -> Config:
    """Read the config.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        Config: With the options of the command line.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If nothing reads an option, or the config holds no data
            set.
    """
    cfg = Config.fromfile(args.config)
    if not any(cfg.get(f'{phase}_dataloader') for phase in PHASES):
        raise ValueError('the config must have a train, val or test_dataloader'
                         f', but got {args.config!r} with {sorted(cfg)[:9]}')
    cfg = merge_options(cfg, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'dyfadet_mm'))
    return cfg


def find_datasets(cfg: Config) -> List[Tuple[str, Config]]:
    """Configs of all data sets, with names; equal ones are taken once.

    Args:
        cfg (Config): Whole config.

    Returns:
        list[tuple]: Name and config.
    """
    found, seen = [], []
    for phase in PHASES:
        loader = cfg.get(f'{phase}_dataloader')
        inner = [] if not loader else inner_configs(loader.dataset)
        for i, each in enumerate(inner):
            name = phase if len(inner) == 1 else f'{phase} {i + 1}'
            if each not in seen:
                found.append((name, each))
            if phase != 'train':
                seen.append(each)
    return found


def build_model(cfg: Config, findings: List[Finding]) -> Optional[nn.Module]:
    """Build the detector without its weights, as its head takes over channels.

    Args:
        cfg (Config): Whole config.
        findings (list[Finding]): Receives why it cannot be built.

    Returns:
        nn.Module: Its head knows points, ranges and classes. None if the
        model has none.
    """
    model = copy.deepcopy(cfg.get('model') or {})
    if 'head' not in model:
        return None
    # counts the classes of the data, of which the findings tell
    model.pop('train_dataset', None)
    try:
        try:
            with torch.device('meta'):
                return MODELS.build(model)
        except RuntimeError:  # a part computes with its weights
            return MODELS.build(model)
    except (*DATA_ERRORS, AttributeError) as error:
        findings.append(
            Finding('error', 'model', 'head',
                    f'the model cannot be built: {text_of(error)}'))
        return None


def inspect(cfg: Config, args: argparse.Namespace) -> Report:
    """Read all data sets of a config and check them.

    Args:
        cfg (Config): As of :func:`load_config`.
        args (Namespace): As of :func:`parse_args`.

    Returns:
        Report: All findings.
    """
    findings: List[Finding] = []
    detector = build_model(cfg, findings)
    head = getattr(detector, 'head', None)
    head = head if isinstance(head, BaseTADHead) else None
    model = cfg.get('model') or {}
    max_seq_len = model.get('data_preprocessor', {}).get('max_seq_len')
    in_channels = model.get('backbone', {}).get('in_channels')
    if model.get('encoder'):
        in_channels = None  # those of the encoder, and not of the data
    # None counts those of the training data
    num_classes = model.get('head', {}).get('num_classes')
    surveys, levels = [], {}
    for name, each in find_datasets(cfg):
        survey = survey_dataset(name, each)
        surveys.append(survey)
        if survey.dataset is None:
            continue
        read_features(survey, args.max_videos, args.jobs)
        check_actions(survey)
        check_dimensions(survey, in_channels)
        check_timing(survey)
        if args.videos is not None:
            check_videos(survey, args.videos)
        other_units = check_units(survey)
        check_outside(survey, other_units)
        check_max_seq_len(survey, max_seq_len)
        levels[name] = check_ranges(survey, head, other_units)
        check_num_classes(survey, num_classes)
        check_scores(survey, getattr(detector, 'score_fusion', None))
    found = [s for s in surveys if s.dataset is not None]
    for survey in surveys:
        findings += survey.findings
    findings += check_class_balance(found) + check_overlap(found)
    findings += check_magnitudes(found)
    training = measure_training(cfg)
    findings += check_training(cfg, training)
    findings = merge_equal(findings)
    findings.sort(key=lambda finding: list(COLORS).index(finding.severity))
    return Report(surveys, findings, levels, head, max_seq_len, training)


def summarize(survey: Survey) -> dict:
    """Numbers of one data set, for the table and the JSON file."""
    cells = [r.num_cells for r in survey.usable.values() if r.num_cells]
    dims = {reading.shape[1] for reading in survey.usable.values()}
    timing = None if survey.dataset is None else measure_timing(survey)
    return dict(
        videos=len(survey.videos),
        read=len(survey.readings),
        actions=sum(len(video.labels) for video in survey.videos.values()),
        classes=len(survey.classes),
        feat_dim=sorted(dims),
        cells=[min(cells), int(np.median(cells)),
               max(cells)] if cells else [],
        cells_per_second=None if timing is None else timing.rate,
        cells_per_second_config=None if timing is None else timing.config_rate)


def print_report(report: Report, seconds: float, console: Console) -> None:
    """Print numbers and findings.

    Args:
        report (Report): As of :func:`inspect`.
        seconds (float): What it took.
        console (Console): Where to.
    """
    table = Table(title='data')
    rows = {survey.name: summarize(survey) for survey in report.surveys}
    table.add_column('')
    for name in rows:
        table.add_column(name, justify='right')
    for key in next(iter(rows.values())):
        table.add_row(key, *(_short(row[key]) for row in rows.values()))
    for level in range(report.head.num_levels if report.head else 0):
        low, high = report.head.points.regression_ranges[level]
        counts = [report.levels.get(name, []) for name in rows]
        table.add_row(f'actions of level {level}, range {low:g}-{high:g}',
                      *(str(c[level]) if c else '' for c in counts))
    console.print(table)
    if report.training is not None:
        console.print(report.training.describe())
    if report.findings:
        table = Table(title='findings', show_lines=True)
        for title in ('', 'data', 'check', 'what'):
            table.add_column(title, overflow='fold')
        for each in report.findings:
            table.add_row(f'[{COLORS[each.severity]}]{each.severity}',
                          each.data, each.check, escape(each.message))
        console.print(table)
    found = Counter(each.severity for each in report.findings)
    listed = ', '.join(f'{found[name]} {name}s' for name in COLORS)
    console.print(f'{listed}, in {seconds:.1f} s')


def _short(value: object) -> str:
    """A number or numbers for people."""
    if isinstance(value, list):
        return ' / '.join(map(str, value[:5]))
    return f'{value:.4g}' if isinstance(value, float) else f'{value or 0:,}'


def write_files(report: Report, args: argparse.Namespace) -> None:
    """Write what --json and --out ask for.

    Args:
        report (Report): As of :func:`inspect`.
        args (Namespace): As of :func:`parse_args`.
    """
    if args.json is not None:
        content = dict(
            config=args.config,
            datasets={
                survey.name:
                dict(
                    summarize(survey),
                    actions_per_class=class_counts(survey),
                    actions_per_level=report.levels.get(survey.name))
                for survey in report.surveys
            },
            training=report.training and report.training._asdict(),
            findings=[finding._asdict() for finding in report.findings])
        save_json(args.json, content, indent=1)
    if args.out is not None:
        save_figure(
            draw_histograms(report.surveys, report.head, report.max_seq_len),
            args.out)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line."""
    start = time.perf_counter()
    args = parse_args(args)
    try:
        check_args(args)
        cfg = load_config(args)
    except (*DATA_ERRORS, SyntaxError) as error:
        print(f'{type(error).__name__}: {text_of(error)}', file=sys.stderr)
        sys.exit(2)
    report = inspect(cfg, args)
    print_report(report, time.perf_counter() - start, Console())
    write_files(report, args)
    sys.exit(int(any(each.severity == 'error' for each in report.findings)))


if __name__ == '__main__':
    main()
