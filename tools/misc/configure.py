"""Read a data set, and write a config for it with a reason for every value.

    python tools/misc/configure.py --data-root data/mine --out my_config.py

Annotations and the headers of the features tell the dimension, the stride, the
levels of the pyramid, the size of the model and the schedule. The values are a
start, to be read and changed. Exit status: 1 if the data is not fit to train
with, and no config is written then.
"""
import argparse
import math
import os
import sys
import textwrap
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Union

import numpy as np
import torch
from data_settings import Data, Setting, choose_settings
from mmengine.config import Config
from mmengine.registry import init_default_scope

from dyfadet_mm.datasets.feature_files import join_path
from dyfadet_mm.fileio import atomic_path, check_writable, read_entries
from dyfadet_mm.structures import seconds_to_grid, segment_iou

# the checks of check_dataset.py, in the folder beside this one
sys.path.append(str(Path(__file__).resolve().parents[1] / 'analysis_tools'))
from check_dataset import build_model
from dataset_annotations import survey_dataset
from dataset_checks import (check_actions, check_class_balance,
                            check_dimensions, class_counts)
from dataset_grid_checks import check_outside
from dataset_range_checks import check_ranges
from dataset_reading import read_headers
from dataset_schedule import check_training, measure_training
from dataset_survey import (DATA_ERRORS, Survey, merge_equal, share, some,
                            text_of)
from dataset_timing import Timing, check_timing, estimate_grid, measure_timing
from dataset_units import check_units

BASE = 'dyfadet_mm::dyfadet/dyfadet-plus_custom.py'
WIDTH = 79
# what a few videos or actions may be without harm to the others
TOLERATED = ('actions outside', 'durations', 'lost classes')
Settings = Dict[str, Setting]


class Code(str):
    """Python that a config has as it stands."""

    __repr__ = str.__str__


# for features of one length
SPREAD = """[
    _base_.{0}[0],
    dict(type='SpreadFeatures'),
    *_base_.{0}[1:],
]"""


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        '--data-root', required=True, help='folder of the data set')
    for name, default, text in (('ann-file', 'annotations.json',
                                 'annotations, below --data-root'),
                                ('features', 'features/',
                                 'folder of npy files, below --data-root'),
                                ('train-subset', 'training',
                                 'subset of the annotations'),
                                ('val-subset', 'validation', 'likewise'),
                                ('out', 'my_config.py', 'new file')):
        parser.add_argument(
            f'--{name}', default=default, help=f'{text}; default: {default}')
    parser.add_argument(
        '--fps',
        type=float,
        help='frames per second of all videos, in place of those in the file')
    return parser.parse_args(args)


def check_args(args: argparse.Namespace) -> None:
    """Refuse a file that exists or cannot be written, and a wrong rate.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Raises:
        FileExistsError: If a file would be lost.
        ValueError: If a value is out of range.
        WriteError: If the file cannot be written.
    """
    if args.fps is not None and not 0 < args.fps < float('inf'):
        raise ValueError(f'--fps must be above 0, but got {args.fps:g}')
    if not args.out.endswith('.py'):
        raise ValueError(f'--out must end in .py, but got {args.out!r}')
    if os.path.lexists(args.out):
        raise FileExistsError(f'--out must be a new file, but got '
                              f'{args.out!r}; choose another name, or move '
                              'that file away')
    check_writable(args.out, '--out')


def configure(args: argparse.Namespace) -> str:
    """Read the data, choose the settings and try them.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        str: Text of the config. Warnings have been printed.

    Raises:
        SystemExit: If the data is not fit to train with.
    """
    settings = dict(
        data_root=Setting(args.data_root, 'as given'),
        ann_file=Setting(args.ann_file, 'below data_root'),
        feature_dir=Setting(args.features, 'below data_root'),
        train_subset=Setting(args.train_subset, 'as given'),
        val_subset=Setting(args.val_subset, 'as given'))
    entries = read_entries(join_path(args.data_root, args.ann_file))
    settings.update(choose_fps(entries, args.fps))
    base = read_text(f'_base_ = {BASE!r}')
    base.merge_from_dict({key: each.value for key, each in settings.items()})
    # a frame for a cell, until the lengths of the features say more
    base.merge_from_dict(
        dict(feat_stride=1, feat_num_frames=1, filter_missing=True))
    train = survey_dataset('train', base.train_dataloader.dataset)
    surveys = [train]
    if args.val_subset.lower() == args.train_subset.lower():
        train.add(
            'warning', 'validation', 'validation is on the training '
            'videos, so that its mAP says nothing about new ones')
    found = {str(entry.get('subset')).lower() for entry in entries.values()}
    if args.val_subset.lower() in found:
        surveys.append(survey_dataset('val', base.val_dataloader.dataset))
    else:
        settings.update(skip_validation(train, args.val_subset))
    print_findings(surveys, last=False)

    settings.update(read_videos(surveys))
    settings.update(find_grid(surveys))
    print_findings(surveys, last=False)
    for survey in surveys:
        put_on_grid(survey, settings)
    settings.update(
        choose_settings(measure(train), base.model.backbone.arch[:2]))
    text = render(
        settings, f'Written by tools/misc/configure.py for '
        f'{len(train.usable)} training videos with '
        f'{sum(class_counts(train).values())} actions. The values are a '
        'start: change what you know better.')
    try_config(read_text(text), surveys)
    print_findings(surveys)
    return text


def read_text(text: str) -> Config:
    """Read a config, and make its scope the default."""
    cfg = Config.fromstring(text, '.py')
    init_default_scope(cfg.default_scope)
    return cfg


def choose_fps(entries: dict, given: Optional[float]) -> Settings:
    """Frames per second, where the annotation file does not say.

    Args:
        entries (dict): Entry by video id.
        given (float, optional): Of the command line.

    Returns:
        dict: The setting; none if a video has its own, so that all need one.
    """
    if given is not None:
        return dict(fps=Setting(given, 'of all videos, as given'))
    if any(
            entry.get(key) is not None for entry in entries.values()
            for key in ('fps', 'frame')):
        return {}
    return dict(
        fps=Setting(
            30., 'assumed, as the annotation file has none; only the ratio '
            'of feat_stride to it counts'))


def skip_validation(train: Survey, subset: str) -> Settings:
    """Train without validation, and say what that means."""
    what = f'no video has the subset {subset!r}, so nothing is evaluated'
    train.add(
        'warning', 'validation', f'{what}, and the last checkpoint is the '
        f'result; to measure, give a fifth of the videos the subset {subset!r}'
        ', or name another with --val-subset')
    return {
        key: Setting(None, what)
        for key in ('val_dataloader', 'val_evaluator', 'val_cfg')
    }


def read_videos(surveys: Sequence[Survey]) -> Settings:
    """Read the headers of the features, and check what does not need a grid.

    Args:
        surveys (list[Survey]): Training first; receive readings and findings.

    Returns:
        dict: Settings of the features and classes.
    """
    for survey in surveys:
        read_headers(survey, min(os.cpu_count() or 1, 8))
        check_actions(survey)
        check_dimensions(survey, None)
    train = surveys[0]
    if len(train.usable) < 2:
        train.add(
            'error', 'videos', 'training needs at least 2 videos with '
            f'features, but got {len(train.usable)}')
    counts = class_counts(train)
    rare = [name for name, count in counts.items() if count == 1]
    if rare:
        train.add(
            'warning', 'classes', f'{len(rare)} of {len(counts)} classes have '
            f'one training action: {some(rare)}; nobody can learn a class '
            'from that, add some or merge classes')
    train.findings += check_class_balance(surveys)
    print_findings(surveys, last=False)
    dims = {reading.shape[1] for each in surveys for reading in
            each.usable.values()}  # yapf: disable
    if len(dims) > 1:
        train.add(
            'error', 'feature dimension', 'training and validation have '
            f'features of different dimensions: {sorted(dims)}')
    settings = dict(
        num_classes=Setting(
            len(counts), f'{min(counts.values())} to {max(counts.values())} '
            'training actions each'),
        feat_dim=Setting(dims.pop(), f'channels of {len(train.usable)} files'))
    missing = sum(len(survey.missing) for survey in surveys)
    if missing:
        settings['filter_missing'] = Setting(
            True, f'{missing} videos have no features, and are left out')
    return settings


def find_grid(surveys: Sequence[Survey]) -> Settings:
    """Estimate stride and window.

    Args:
        surveys (list[Survey]): Training first, with readings; receive the
            findings.

    Returns:
        dict: The settings, none if there can be none. Features that were
        resized to one length have a stride for each video.

    Raises:
        ValueError: If longer videos do not have more cells.
    """
    train = surveys[0]
    timing = measure_timing(train)
    if timing is None:
        train.add(
            'error', 'stride and fps', "no video has a 'duration', "
            'without which the stride cannot be told; add it, in '
            'seconds, to the annotation file')
        return {}
    if timing.fixed:
        return spread_features(surveys, timing)
    frames = timing.seconds * [
        train.videos[name].info['fps'] for name in timing.names
    ]
    stride, windows = estimate_grid(frames, timing.cells)
    train.dataset.feat_stride = stride
    train.dataset.feat_num_frames = windows[0]
    before = len(train.findings)
    check_timing(train)
    off = sum(each.count for each in train.findings[before:])
    if 2 * off > len(timing.cells):
        train.add(
            'error', 'stride and fps', 'no stride explains how long the '
            f'features are: with the best, {stride}, '
            f'{share(off, len(timing.cells))} videos are not as long as their '
            'durations say; are they the features of these videos, are '
            'durations in seconds, is fps right (--fps)?')
    others = ' or '.join(map(str, windows[1:]))
    fits = f', as would {others}' if others else ''
    return dict(
        feat_stride=Setting(
            stride, f'{frames.sum():.0f} frames gave {timing.cells.sum()} '
            'cells'),
        feat_num_frames=Setting(
            windows[0], f'fits these lengths{fits}; correct it if you know'))


def spread_features(surveys: Sequence[Survey], timing: Timing) -> Settings:
    """Settings of features that were resized to one length.

    Args:
        surveys (list[Survey]): Training first; receive the findings.
        timing (Timing): Of the training videos.

    Returns:
        dict: The settings.
    """
    what = (f'{timing.cells[0]} cells whether a video lasts '
            f'{timing.seconds.min():.4g} or {timing.seconds.max():.4g} s')
    surveys[0].add(
        'warning', 'stride and fps', f'all features have {what}: taken as '
        'resized, and spread over each video; if they were cut off instead, '
        'actions are in wrong places: extract whole videos')
    for survey in surveys:
        lacking = [
            name for name in survey.usable
            if not math.isfinite(survey.videos[name].info['duration'])
        ]
        if lacking:
            survey.add(
                'error', 'stride and fps', 'features of one length need a '
                f"'duration' of every video, but {len(lacking)} have none: "
                f'{some(lacking)}', len(lacking))
    spread = Setting(None, f'{what}: spread over each')
    settings = dict(feat_stride=spread, feat_num_frames=spread)
    for name in ('train_pipeline', 'test_pipeline'):
        settings[name] = Setting(
            Code(SPREAD.format(name)), 'that of other features, but spread')
    return settings


def put_on_grid(survey: Survey, settings: Settings) -> None:
    """Convert actions to cells, and check where they lie.

    Args:
        survey (Survey): With readings; receives the findings.
        settings (dict): With stride and window.
    """
    grid = [settings[k].value for k in ('feat_stride', 'feat_num_frames')]
    survey.dataset.feat_stride, survey.dataset.feat_num_frames = grid
    for name, each in survey.usable.items():
        info = survey.videos[name].info
        frames = info['duration'] * info['fps'] / each.num_cells
        numbers = [frames if number is None else number for number in grid]
        survey.readings[name] = each._replace(
            segments=seconds_to_grid(each.segments, info['fps'], *numbers))
    before = len(survey.findings)
    check_outside(survey, check_units(survey))
    out = sum(each.count for each in survey.findings[before:])
    total = sum(len(video.labels) for video in survey.videos.values())
    if 2 * out > total:
        survey.add(
            'error', 'actions', f'{share(out, total)} actions do not lie in '
            'their videos; segments and durations must be in seconds', out)


def measure(train: Survey) -> Data:
    """Numbers of the training data, for :func:`choose_settings`."""
    readings = list(train.usable.values())
    overlapping = 0
    for each in readings:
        segments = torch.from_numpy(each.segments)
        same = each.labels[:, None] == each.labels
        near = (segment_iou(segments, segments).numpy() > 0) & same
        overlapping += (near.sum(1) > 1).sum()  # an action overlaps itself
    segments = np.concatenate([each.segments for each in readings])
    return Data(readings[0].shape[1],
                np.array([each.num_cells for each in readings]),
                segments[:, 1] - segments[:, 0],
                max(len(each.labels) for each in readings),
                float(overlapping / max(len(segments), 1)))


def try_config(cfg: Config, surveys: Sequence[Survey]) -> None:
    """Check ranges and schedule with the model and the loader of a config.

    Args:
        cfg (Config): Whole config.
        surveys (list[Survey]): Training first; receive the findings.
    """
    train = surveys[0]
    model = build_model(cfg, train.findings)
    for survey in surveys if model else ():
        check_ranges(survey, model.head, ())
    training = measure_training(cfg)
    if training is None:
        train.add(
            'error', 'data', 'the training data cannot be loaded; '
            'check_dataset.py says why')
    train.findings += check_training(cfg, training)


def print_findings(surveys: Sequence[Survey], last: bool = True) -> None:
    """Print what was found; errors end the process.

    Args:
        surveys (list[Survey]): With findings.
        last (bool): Whether nothing follows. Defaults to True; False prints
            only if there is an error.

    Raises:
        SystemExit: If there is an error.
    """
    findings = merge_equal([
        each._replace(severity='warning') if each.check in TOLERATED else each
        for survey in surveys for each in survey.findings
    ])
    errors = sum(each.severity == 'error' for each in findings)
    for each in findings if last or errors else ():
        print(f'{each.severity}: {each.data}: {each.message}')
    if errors:
        sys.exit(f'no config is written, as errors were found: {errors}')


def render(settings: Settings, header: str) -> str:
    """Write the settings as a config.

    Args:
        settings (dict): Setting by key of the config, which may have dots.
        header (str): First lines, without ``#``.

    Returns:
        str: Python, with the reason behind or above every value.
    """
    tree: dict = {}
    for key, setting in settings.items():
        *parents, name = key.split('.')
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = setting
    lines = [*comment(header, ''), f'_base_ = {BASE!r}', '']
    for name, each in tree.items():
        lines += statement(name, each)
    return '\n'.join(lines) + '\n'


def statement(name: str, node: Union[Setting, dict], depth: int = 0) -> list:
    """Lines that set a value, or a dict of values."""
    pad, sign = '    ' * depth, '=' if depth else ' = '
    end = ',' if depth else ''
    if isinstance(node, dict):
        inner = [statement(k, each, depth + 1) for k, each in node.items()]
        return [f'{pad}{name}{sign}dict(', *sum(inner, []), f'{pad}){end}']
    line = f'{pad}{name}{sign}{node.value!r}{end}'
    if len(line) + len(node.reason) + 4 <= WIDTH:
        return [f'{line}  # {node.reason}']
    return [*comment(node.reason, pad), line]


def comment(text: str, pad: str) -> List[str]:
    """Lines of a comment."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f'{pad}# ',
        subsequent_indent=f'{pad}# ',
        break_on_hyphens=False)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line."""
    args = parse_args(args)
    try:
        check_args(args)
        text = configure(args)
        with atomic_path(args.out) as part:
            Path(part).write_text(text, encoding='utf-8')
    except DATA_ERRORS as error:
        sys.exit(f'{type(error).__name__}: {text_of(error)}')
    print(f'{args.out} is written: read it, then run '
          f'tools/analysis_tools/check_dataset.py {args.out}')


if __name__ == '__main__':
    main()
