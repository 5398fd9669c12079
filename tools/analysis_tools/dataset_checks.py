"""What is wrong with the annotations, classes and features of data sets."""
import re
from collections import Counter, defaultdict
from difflib import get_close_matches
from itertools import combinations
from typing import Dict, Iterable, List, Optional, Sequence, Set

import numpy as np
from dataset_survey import DATA_ERRORS, Finding, Survey, share, some, text_of

from dyfadet_mm.fileio import remove_duplicates
from dyfadet_mm.models import ScoreFusion


def class_counts(survey: Survey) -> Dict[str, int]:
    """Actions of every class, in label order."""
    labels = [video.labels for video in survey.videos.values()]
    counts = np.bincount(
        np.concatenate(labels) if labels else np.zeros(0, int),
        minlength=len(survey.classes))
    return dict(zip(survey.classes, counts.tolist()))


def check_actions(survey: Survey) -> None:
    """Look for empty, repeated and reversed actions, and videos without any.

    Args:
        survey (Survey): Receives the findings.
    """
    empty, repeated, back, lonely, total = [], [], [], [], 0
    for name, video in survey.videos.items():
        total += len(video.labels)
        if not len(video.labels):
            lonely.append(name)
        length = video.segments[:, 1] - video.segments[:, 0]
        empty += [name] * int((length == 0).sum())
        back += [name] * video.num_reversed
        kept, _ = remove_duplicates(video.segments, video.labels)
        repeated += [name] * (len(video.labels) - len(kept))
    _note_lonely(survey, lonely, total)
    if empty:
        survey.add(
            'warning', 'empty actions', f'{share(len(empty), total)} actions '
            f'end where they start, first in {empty[0]!r}; nothing learns '
            'them, and metrics may count them: correct or remove them',
            len(empty))
    if back:
        names = list(dict.fromkeys(back))
        survey.add(
            'error' if len(back) > total else 'warning', 'reversed actions',
            f'{share(len(back), total + len(back))} actions end before they '
            f'start, in {len(names)} videos: {some(names)}; training leaves '
            'them out, and evaluation counts them as never found: swap start '
            'and end, or remove them', len(back))
    if repeated:
        dropped = survey.dataset.remove_duplicates
        survey.add(
            'note' if dropped else 'warning', 'duplicate actions',
            f'{share(len(repeated), total)} actions repeat an earlier one of '
            f'the same class within 1 ms, first in {repeated[0]!r}; ' +
            ('remove_duplicates=True drops them'
             if dropped else 'set remove_duplicates=True of the dataset'),
            len(repeated))


def _note_lonely(survey: Survey, lonely: List[str], total: int) -> None:
    """Say which videos have no action, or that none has one."""
    if survey.videos and not total:
        # new videos to detect in
        unlabelled = survey.name.startswith('test') and not survey.classes
        survey.add('note' if unlabelled else 'error', 'actions',
                   'no video has a usable action')
    elif lonely:
        survey.add(
            'note', 'actions', f'{share(len(lonely), len(survey.videos))} '
            f'videos have no action: {some(lonely)}', len(lonely))


def check_num_classes(survey: Survey, num_classes: Optional[int]) -> None:
    """Compare the classes of the data with those of the model's head.

    Args:
        survey (Survey): Receives the finding.
        num_classes (int, optional): Classes of the head, None if unknown.
    """
    if num_classes is None or not survey.classes:
        return
    agnostic = survey.dataset.class_agnostic
    found = 1 if agnostic else len(survey.classes)
    if found == num_classes:
        return
    severity = 'error' if found > num_classes else 'warning'
    which = ('class_agnostic=True makes them one class'
             if agnostic else f'the data has {found} classes')
    survey.add(
        severity, 'number of classes', f'{which}, but model.head.num_classes '
        f'is {num_classes}; set it to {found}, or name the classes in '
        'metainfo=dict(classes=...)', abs(found - num_classes))


def check_scores(survey: Survey, fusion: Optional[ScoreFusion]) -> None:
    """Compare classes and videos with those of the model's score file.

    Args:
        survey (Survey): Receives the finding, if it is not for training.
        fusion (ScoreFusion, optional): Of the model, None if it has none.
    """
    if fusion is None or survey.training:
        return
    try:
        fusion.bind(survey.classes, list(survey.videos))
    except DATA_ERRORS as error:
        survey.add('error', 'class scores', text_of(error))


def check_class_balance(surveys: Sequence[Survey]) -> List[Finding]:
    """Compare the classes of training with those of evaluation.

    Args:
        surveys (Sequence[Survey]): All data sets.

    Returns:
        list[Finding]: About classes without actions, and names that look
        misspelt.
    """
    trained = _classes_with_actions(s for s in surveys if s.training)
    others = [survey for survey in surveys if not survey.training]
    tested = _classes_with_actions(others)
    findings = []
    for names, text in ((tested - trained, 'have actions in evaluation but '
                         'none in training, so that no detector can learn '
                         'them'), (trained - tested, 'have actions in '
                                   'training but none in evaluation')):
        if names and trained and tested:
            severity = 'warning' if names <= tested else 'note'
            findings.append(
                Finding(
                    severity, 'all', 'classes', f'{len(names)} classes '
                    f'{text}: {some(sorted(names), 5)}', len(names)))
            findings += _misspelt(names, trained & tested)
    every = {name for survey in surveys for name in survey.classes}
    empty = sorted(every - trained - tested)
    if empty and trained:
        findings.append(
            Finding(
                'note', 'all', 'classes', f'{len(empty)} classes have no '
                f'action anywhere: {some(empty, 5)}', len(empty)))
    return findings


def _classes_with_actions(surveys: Iterable[Survey]) -> Set[str]:
    """Names of the classes that occur."""
    return {
        name
        for survey in surveys
        for name, count in class_counts(survey).items() if count
    }


def _misspelt(suspects: Set[str], others: Set[str]) -> List[Finding]:
    """Classes whose name is nearly that of another one."""
    findings = []
    # comparing takes long, and a file may hold any number of long names
    others = [name for name in sorted(others) if len(name) <= 100][:1000]
    for name in sorted(suspects)[:20]:
        near = get_close_matches(name, others, n=1, cutoff=0.85)
        # class_7 and class_8 are not misspelt
        if near and re.sub(r'\d', '', near[0]) != re.sub(r'\d', '', name):
            findings.append(
                Finding(
                    'warning', 'all', 'labels', f'class {name!r} is nearly '
                    f'{near[0]!r}: if it is misspelt, correct the annotation '
                    'file'))
    return findings


def check_dimensions(survey: Survey, in_channels: Optional[int]) -> None:
    """Features of one data set must be alike, and fit the model.

    Args:
        survey (Survey): Receives the findings.
        in_channels (int, optional): Channels that the model takes.
    """
    readings = [r for r in survey.usable.values() if not r.problem]
    counts = Counter(reading.shape[1] for reading in readings)
    if len(counts) > 1:
        listed = ', '.join(f'{c} in {n}' for c, n in counts.most_common(5))
        rows = {reading.shape[0] for reading in readings}
        hint = ('' if len(rows) > 1 else f'; all have {rows.pop()} rows, so '
                'they seem to be (C, T): transpose them')
        survey.add(
            'error', 'feature dimension', 'videos have features of different '
            f'dimensions: {listed} videos{hint}', sum(counts.values()))
    elif counts and in_channels not in (None, *counts):
        survey.add(
            'error', 'feature dimension', f'features have {next(iter(counts))}'
            f' channels, but model.backbone.in_channels is {in_channels}; set '
            'it, or feat_dim of the config, to that of the features',
            len(readings))


def check_overlap(surveys: Sequence[Survey]) -> List[Finding]:
    """Look for videos that training shares with evaluation, or repeats.

    Args:
        surveys (Sequence[Survey]): All data sets.

    Returns:
        list[Finding]: Shared ids, and features equal bit for bit.
    """
    findings = []
    for first, second in combinations(surveys, 2):
        same = [name for name in first.videos if name in second.videos]
        if same and first.training != second.training:
            findings.append(
                Finding(
                    'error', f'{first.name}, {second.name}', 'overlap',
                    f'{len(same)} videos are in both: {some(same)}; with the '
                    f'subsets {first.dataset.subset!r} and '
                    f'{second.dataset.subset!r}, evaluation would not tell '
                    'how the detector does on new videos', len(same)))
    places = defaultdict(dict)  # digest -> {video id: data set}
    for survey in surveys:
        for name, reading in survey.usable.items():
            places[reading.digest].setdefault(name, survey)
    groups = [found for found in places.values() if len(found) > 1]
    leaks = [
        group for group in groups
        if len({survey.training
                for survey in group.values()}) > 1
    ]
    rest = [group for group in groups if group not in leaks]
    for severity, found, where in (('error', leaks,
                                    ' in training and evaluation'),
                                   ('warning', rest, '')):
        if found:
            data = ', '.join({s.name: None for s in found[0].values()})
            findings.append(
                Finding(
                    severity, data, 'identical features',
                    f'{len(found)} groups of videos{where} have features '
                    f'equal bit for bit, the first {some(list(found[0]))}; '
                    'were files copied under other names?', len(found)))
    return findings
