"""What a timeline shows of a video, in which lane, and what it leaves out."""
import math
from collections import Counter
from typing import Any, List, Mapping, NamedTuple, Optional

import numpy as np
from torch import Tensor

from dyfadet_mm.fileio import find_reversed

# inches
LANE, GAP, VIDEO_TITLE, VIDEO_AXIS = 0.24, 0.06, 0.24, 0.30
LEFT, RIGHT = 1.05, 0.2

OVERLAPPING = 'more overlapping'


class Group(NamedTuple):
    """Ground truth or detections of one video, as drawn."""

    name: str
    segments: np.ndarray  # (N, 2), seconds
    labels: np.ndarray  # (N, )
    scores: Optional[np.ndarray]  # (N, ), None for ground truth
    lanes: List[int]  # N

    @property
    def height(self) -> float:
        """Inches it takes."""
        return (max(self.lanes, default=0) + 1) * LANE


class VideoLayout(NamedTuple):
    """One video, as drawn."""

    name: str
    duration: float  # seconds
    groups: List[Group]
    num_hidden: int  # segments for which there is no lane
    note: str  # how many segments are not drawn, and why

    @property
    def height(self) -> float:
        """Inches it takes, with its title and axis."""
        gaps = max(len(self.groups) - 1, 0) * GAP
        return (sum(group.height for group in self.groups) + gaps +
                VIDEO_TITLE + VIDEO_AXIS)


def lay_out(video: Mapping[str, Any], score_thr: float,
            max_detections: Optional[int], max_lanes: int) -> VideoLayout:
    """Choose what to draw of one video and put it into lanes.

    Args:
        video (Mapping): As in :func:`draw_timeline`.
        score_thr (float): Lowest score drawn.
        max_detections (int, optional): Most detections.
        max_lanes (int): Most lanes of each group.

    Returns:
        VideoLayout: Ground truth first, where there is any.
    """
    groups, hidden = [], Counter()
    for name, prefix in (('ground truth', 'gt_'), ('detections', '')):
        if video.get(f'{prefix}segments') is None:
            continue
        segments = to_array(video[f'{prefix}segments']).reshape(-1, 2)
        labels = to_array(video[f'{prefix}labels']).astype(int)
        if prefix:
            scores = None
            order = np.argsort(segments[:, 0], kind='stable')
        else:
            scores = to_array(video['scores'])
            order = np.argsort(-scores, kind='stable')
            high = order[scores[order] >= score_thr]
            hidden[f'below score {score_thr:g}'] = len(order) - len(high)
            order = high[:max_detections]
            hidden[f'beyond the best {max_detections}'] = len(high) - len(
                order)
        is_reversed = find_reversed(segments[order])
        hidden['ending before they start'] += int(is_reversed.sum())
        order = order[~is_reversed]
        lanes = assign_lanes(segments[order], max_lanes)
        shown = order[lanes < max_lanes]
        hidden[OVERLAPPING] += len(order) - len(shown)
        groups.append(
            Group(name, segments[shown], labels[shown],
                  None if scores is None else scores[shown],
                  lanes[lanes < max_lanes].tolist()))
    duration = float(video.get('duration', math.inf))
    if not math.isfinite(duration):
        duration = max([1., *(g.segments.max(initial=0) for g in groups)])
    notes = [f'{count} {reason}' for reason, count in hidden.items() if count]
    return VideoLayout(
        str(video.get('video_id', '')), duration, groups, hidden[OVERLAPPING],
        ', '.join(notes + ['not drawn']) if notes else '')


def assign_lanes(segments: np.ndarray, max_lanes: int) -> np.ndarray:
    """Give each segment, in order, the first lane where it fits, (N, ).

    One that fits nowhere gets ``max_lanes``.
    """
    lanes = [[] for _ in range(max_lanes)]
    chosen = []
    for start, end in segments.tolist():
        for lane, taken in enumerate(lanes):
            if all(end <= s or start >= e for s, e in taken):
                taken.append((start, end))
                break
        else:
            lane = max_lanes
        chosen.append(lane)
    return np.array(chosen, dtype=int)


def to_array(value: Any) -> np.ndarray:
    """View a tensor, array or list as a float64 array."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value, dtype=float)
