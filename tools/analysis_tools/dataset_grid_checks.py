"""Do actions fit the video, the feature grid and the pyramid."""
import math
from typing import List, Optional

import numpy as np
import torch
from dataset_checks import share
from dataset_survey import Survey, some

from dyfadet_mm.models.heads import BaseTADHead
from dyfadet_mm.models.task_modules import Points

FEW = 0.01  # share of actions


def check_outside(survey: Survey) -> None:
    """Actions that lie outside the video or the feature map.

    Args:
        survey (Survey): With readings; receives the findings.
    """
    beyond, partly, unseen, total = [], [], [], 0
    for name, video in survey.videos.items():
        start, end = video.segments.T
        inside = end.clip(max=video.info['duration']) - start.clip(min=0)
        lost = end - start - inside  # seconds
        much = lost > _tolerance(survey, video.info)
        out = much & (lost > 0.5 * (end - start))
        beyond += [name] * int(out.sum())
        partly += [name] * int((much & ~out).sum())
        reading = survey.readings.get(name)
        if reading is not None and reading.num_cells:
            late = reading.segments[:, 0] >= reading.num_cells
            unseen += [name] * int((late & ~out).sum())
        total += len(start)
    segments = 'correct segments and durations, which are in seconds'
    # published annotations have a few: 0.8 % of THUMOS14's test actions
    severity = 'error' if len(beyond) > FEW * total else 'warning'
    kinds = [(severity, beyond, 'lie outside the video, at least by half',
              segments),
             ('warning', partly, 'reach beyond the video by more than a cell',
              segments),
             ('warning', unseen, 'start after the last cell of the features',
              'training never sees them; correct stride and fps, or extract '
              'the whole video')]
    for severity, names, what, remedy in kinds:
        if names:
            unique = list(dict.fromkeys(names))
            survey.add(
                severity, 'actions outside',
                f'{share(len(names), total)} actions {what}, in '
                f'{len(unique)} videos: {some(unique)}; {remedy}', len(names))


def _tolerance(survey: Survey, info: dict) -> float:
    """Seconds of a cell, or one second if unknown."""
    stride = survey.dataset.feat_stride
    return 1. if stride is None else max(stride / info['fps'], 0.1)


def levels_of_actions(head: BaseTADHead, num_cells: int,
                      segments: np.ndarray) -> np.ndarray:
    """Levels whose points may regress an action, if it were alone.

    Args:
        head (BaseTADHead): With points and assigner.
        num_cells (int): T of the video.
        segments (ndarray): Feature grid, (N, 2).

    Returns:
        ndarray: bool, (N, levels).
    """
    num_levels = head.num_levels
    lengths = [math.ceil(num_cells / 2**n) for n in range(num_levels)]
    points = Points.cat(head.points(lengths, torch.device('cpu')))
    level = torch.repeat_interleave(
        torch.arange(num_levels), torch.tensor(lengths))
    found = np.zeros((len(segments), num_levels), bool)
    for lane in lanes_of(segments):
        target = head.assigner.assign(points,
                                      torch.from_numpy(segments[lane]).float(),
                                      torch.arange(len(lane)), len(lane))
        point, action = target.labels.nonzero(as_tuple=True)
        found[np.array(lane)[action.numpy()], level[point].numpy()] = True
    return found


def lanes_of(segments: np.ndarray) -> List[List[int]]:
    """Part actions into lanes where none overlap, so that none compete.

    Args:
        segments (ndarray): (N, 2).

    Returns:
        list[list[int]]: Indices of every lane.
    """
    lanes: List[List[int]] = []
    for index in np.argsort(segments[:, 0], kind='stable').tolist():
        for lane in lanes:
            if segments[lane[-1], 1] <= segments[index, 0]:
                lane.append(index)
                break
        else:
            lanes.append([index])
    return lanes


def check_ranges(survey: Survey, head: BaseTADHead) -> List[int]:
    """Count the actions of each level, and those of none.

    Args:
        survey (Survey): With readings; receives the findings.
        head (BaseTADHead): Head of the config.

    Returns:
        list[int]: Actions that each level may regress, finest first.
    """
    per_level = np.zeros(head.num_levels, int)
    lost = []  # length, and whether the centre lies behind the last cell
    total = 0
    for reading in survey.readings.values():
        start, end = reading.segments.T
        inside = (end > start) & (end > 0) & (start < reading.num_cells)
        segments = reading.segments[inside]
        levels = levels_of_actions(head, reading.num_cells, segments)
        per_level += levels.sum(0)
        for start, end in segments[~levels.any(1)]:
            lost.append((end - start, start + end > 2 * reading.num_cells))
        total += len(segments)
    if lost:
        survey.add('error' if 2 * len(lost) > total else 'warning',
                   'regression ranges',
                   _describe_lost(*map(np.array, zip(*lost)), total, head),
                   len(lost))
    unused = np.flatnonzero(per_level == 0)
    if total and len(unused):
        survey.add(
            'note', 'regression ranges',
            f'no action has a length for level {", ".join(map(str, unused))} '
            f'of {head.num_levels} (0 is the finest)', len(unused))
    return per_level.tolist()


def _describe_lost(lengths: np.ndarray, cut: np.ndarray, total: int,
                   head: BaseTADHead) -> str:
    """Say why no level regresses these actions."""
    farthest = max(last for _, last in head.points.regression_ranges)
    causes = {
        'cut off before their centre by the end of the features':
        cut,
        'shorter than a cell, the spacing of the points':
        lengths < 1,
        f'longer than the largest range, {farthest:g} cells to either side':
        lengths > farthest,
        'between the points and ranges of the levels':
        lengths >= 0
    }
    counts, left = {}, np.ones(len(lengths), bool)
    for cause, mask in causes.items():
        counts[cause] = int((mask & left).sum())
        left &= ~mask
    listed = '; '.join(f'{n} {cause}' for cause, n in counts.items() if n)
    return (f'{share(len(lengths), total)} actions get no point on any level, '
            'so that nothing learns to find them; they last '
            f'{lengths.min():.3g} to {lengths.max():.3g} cells: {listed}. If '
            'the stride is right, change regression_ranges of the head, or '
            'use features of a smaller stride')


def check_max_seq_len(survey: Survey, max_seq_len: Optional[int]) -> None:
    """How many videos are longer than what training sees at once.

    Args:
        survey (Survey): With readings; receives the finding.
        max_seq_len (int, optional): Cells, None if the config has none.
    """
    lengths = np.array([r.num_cells for r in survey.usable.values()])
    if max_seq_len is None or not (lengths > max_seq_len).any():
        return
    longer = int((lengths > max_seq_len).sum())
    severity, what = 'note', 'padded to a larger grid in testing'
    if survey.training:
        severity = 'warning' if 2 * longer > len(lengths) else 'note'
        what = 'cropped in training'
    survey.add(
        severity, 'max_seq_len', f'{share(longer, len(lengths))} videos are '
        f'longer than max_seq_len={max_seq_len} cells and {what}; the '
        f'longest has {lengths.max()}', longer)
