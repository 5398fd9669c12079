"""Which cells of the pyramid learn to find an action, and which none does."""
import math
from collections import Counter
from typing import Collection, List, NamedTuple, Optional

import numpy as np
import torch
from dataset_checks import class_counts
from dataset_grid_checks import outside_video
from dataset_survey import Survey, share, some

from dyfadet_mm.models.heads import BaseTADHead

REMEDY = ('if segments, stride and fps are right, change regression_ranges of '
          'the head, or use features of a smaller stride')


class Lost(NamedTuple):
    """An action that no cell learns.

    Attributes:
        video_id (str): Its video.
        label (int): Its class.
        start (float): Cells.
        end (float): Cells.
        num_cells (int): T of the video.
        outside (bool): Whether it lies outside of the video, as is reported
            by another check.
    """
    video_id: str
    label: int
    start: float
    end: float
    num_cells: int
    outside: bool


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
    points = head.points(lengths, torch.device('cpu'))
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


def check_ranges(survey: Survey, head: Optional[BaseTADHead],
                 skip: Collection[str]) -> List[int]:
    """Count the actions of each level, and those of none.

    Args:
        survey (Survey): With readings; receives the findings.
        head (BaseTADHead, optional): Head of the config. None asks only
            whether a cell lies in the action.
        skip (Collection[str]): Ids of videos that are left out.

    Returns:
        list[int]: Actions that each level may regress, finest first.
    """
    per_level = np.zeros(1 if head is None else head.num_levels, int)
    lost, total = [], 0
    for name, reading in survey.readings.items():
        start, end = reading.segments.T
        keep = end > start  # others are reported as empty
        if not reading.num_cells or name in skip or not keep.any():
            continue
        segments, labels = reading.segments[keep], reading.labels[keep]
        outside, _ = outside_video(survey, survey.videos[name])
        levels = (
            _holds_a_cell(reading.num_cells, segments) if head is None else
            levels_of_actions(head, reading.num_cells, segments))
        per_level += levels.sum(0)
        for i in np.flatnonzero(~levels.any(1)):
            lost.append(
                Lost(name, int(labels[i]), *segments[i], reading.num_cells,
                     outside[keep][i]))
        total += len(segments)
    inside = [each for each in lost if not each.outside]
    if inside:
        _note_lost(survey, inside, total, head)
    _note_lost_classes(survey, lost)
    unused = np.flatnonzero(per_level == 0)
    if total and len(unused) and head is not None:
        survey.add(
            'note', 'regression ranges',
            f'no action has a length for level {", ".join(map(str, unused))} '
            f'of {head.num_levels} (0 is the finest)', len(unused))
    return [] if head is None else per_level.tolist()


def _holds_a_cell(num_cells: int, segments: np.ndarray) -> np.ndarray:
    """Whether the centre of a cell lies in an action, bool, (N, 1)."""
    first = np.ceil(segments[:, 0]).clip(min=0)
    last = np.floor(segments[:, 1]).clip(max=num_cells - 1)
    return (first <= last)[:, None]


def _note_lost(survey: Survey, lost: List[Lost], total: int,
               head: Optional[BaseTADHead]) -> None:
    """Count and name the actions that no cell learns, and say why."""
    lengths = np.array([each.end - each.start for each in lost])
    causes = Counter(_cause(each, head) for each in lost)
    listed = '; '.join(f'{n} {cause}' for cause, n in causes.most_common())
    lost_of = Counter(survey.classes[each.label] for each in lost)
    counts = class_counts(survey)
    classes = [
        f'{name!r} {count} of {counts[name]}'
        for name, count in lost_of.most_common(5)
    ]
    names = list(dict.fromkeys(each.video_id for each in lost))
    dots = ', ...' if len(lost_of) > len(classes) else ''
    survey.add(
        'error' if 2 * len(lost) >= total else 'warning', 'regression ranges',
        f'{share(len(lost), total)} actions get no point on any level, so '
        'that nothing learns to find them; they last '
        f'{lengths.min():.3g} to {lengths.max():.3g} cells: {listed}. By '
        f'class: {", ".join(classes)}{dots}; in {len(names)} videos: '
        f'{some(names)}. {REMEDY[0].upper()}{REMEDY[1:]}', len(lost))


def _cause(action: Lost, head: Optional[BaseTADHead]) -> str:
    """Why no level regresses an action."""
    start, end, num_cells = action.start, action.end, action.num_cells
    farthest = (
        math.inf if head is None else max(
            last for _, last in head.points.regression_ranges))
    causes = {
        'before the centre of the first cell':
        end < 0,
        'after the centre of the last cell':
        start > num_cells - 1,
        'cut off before their centre by the start of the features':
        start + end < 0,
        'cut off before their centre by the end of the features':
        start + end > 2 * num_cells,
        'shorter than a cell, the spacing of the points':
        end - start < 1,
        f'longer than the largest range, {farthest:g} cells to either side':
        end - start > farthest,
    }
    for cause, holds in causes.items():
        if holds:
            return cause
    return 'between the points and ranges of the levels'


def _note_lost_classes(survey: Survey, lost: List[Lost]) -> None:
    """Name the classes of which no action is learnt."""
    if survey.dataset.class_agnostic:
        return
    lost_of = Counter(survey.classes[each.label] for each in lost)
    counts = class_counts(survey)
    names = sorted(n for n, count in lost_of.items() if count == counts[n])
    if not names:
        return
    what = ('no cell can learn any'
            if survey.training else 'no cell can find any')
    survey.add(
        'error' if survey.training else 'warning', 'lost classes',
        f'{what} {" or ".join(map(repr, names[:5]))}'
        f'{" or ..." if len(names) > 5 else ""}: all '
        f'{sum(lost_of[name] for name in names)} actions of '
        f'{len(names)} classes get no point on any level; correct their '
        f'segments, or leave the classes out; {REMEDY}', len(names))
