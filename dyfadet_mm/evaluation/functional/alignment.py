"""Whether detections would fit if their times were moved or stretched."""
from typing import Callable, Dict, Tuple

import numpy as np

from .normalized_ap import Matches
from .overlaps import expand_ranges, paired_tiou, rows_of_actions
from .recall import order_and_quota

# of a wrong stride, rate of frames, or unit
FACTORS = np.array([
    1, 1 / 30, 1 / 25, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 4 / 5, 5 / 6,
    15 / 16,
    24 / 25, 24 / 30, 25 / 24, 16 / 15, 6 / 5, 5 / 4, 4 / 3, 3 / 2, 2, 3, 4,
    25, 30
])  # yapf: disable
# what a whole video is in files of relative times: 1, or 100 percent
WHOLES = (1, 100)
MAX_PAIRS = 60_000
# differences of tIoU that mean nothing
SLACK = 0.002
STEP_S = 0.1


def fit_times(matches: Matches,
              durations: np.ndarray,
              tiou: float = 0.5) -> Dict[str, float]:
    """Find the shift and the factor of times with the greatest recall.

    Of every video and class, twice as many detections as actions are tried,
    the best ones, with any factor and any shift of a few hundred.

    Args:
        matches (Matches): Detections and actions.
        durations (ndarray): Of the video of each action, in seconds, (G, ).
        tiou (float): From which an action is found. Defaults to 0.5.

    Returns:
        dict: ``recall`` as it is; ``shift_s`` to be added to all times and
        ``recall_shifted`` with it; ``factor`` to multiply all times by and
        ``recall_scaled``; ``whole``, 1 or 100, if times are such a share of
        the duration, and ``recall_relative``. Recalls are fractions.
    """
    detection, action = _pairs(matches)
    if not len(action):
        return dict(
            recall=0.,
            shift_s=0.,
            recall_shifted=0.,
            factor=1.,
            recall_scaled=0.,
            whole=1,
            recall_relative=0.)
    segments = matches.detections.segments[detection]  # (P, 2)
    targets = matches.actions.segments[action]
    first = np.flatnonzero(np.diff(action, prepend=-1))

    def overlaps(moved: np.ndarray) -> np.ndarray:
        """Greatest tIoU of every action."""
        return np.maximum.reduceat(paired_tiou(moved, targets), first)

    def recall(moved: np.ndarray) -> float:
        """Share of actions that are met."""
        return float((overlaps(moved) >= tiou).mean())

    shift = _first_of_the_best(
        _shifts(segments, targets), lambda s: overlaps(segments + s).mean())
    factor = _first_of_the_best(
        _factors(segments, targets), lambda f: overlaps(segments * f).mean())
    relative = segments * durations[action][:, None]
    relative = {whole: recall(relative / whole) for whole in WHOLES}
    whole = max(relative, key=relative.get)
    return dict(
        recall=recall(segments),
        shift_s=shift,
        recall_shifted=recall(segments + shift),
        factor=factor,
        recall_scaled=recall(segments * factor),
        whole=whole,
        recall_relative=relative[whole])


def _pairs(matches: Matches) -> Tuple[np.ndarray, np.ndarray]:
    """Rows of detections, and of actions of their video, ascending."""
    detections, actions = matches.detections, matches.actions
    order, quota = order_and_quota(detections, actions)
    rows = np.flatnonzero(order < 2 * quota)
    first, count = rows_of_actions(detections.take(rows), actions)
    thin = 1 + count.sum() // MAX_PAIRS  # only every so many videos
    kept = detections.videos[rows] % thin == 0
    index, action = expand_ranges(first[kept], count[kept])
    order = np.argsort(action, kind='stable')
    return rows[kept][index][order], action[order]


def _first_of_the_best(candidates: np.ndarray,
                       quality: Callable[[float], float]) -> float:
    """The first candidate of the greatest quality, or nearly so."""
    values = np.array([quality(each) for each in candidates])
    return float(candidates[np.argmax(values >= values.max() - SLACK)])


def _shifts(segments: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Shifts within 3 s and frequent distances of centres, small first."""
    near = np.arange(-30, 31) * STEP_S
    distance = np.rint((targets - segments).mean(1) / STEP_S)
    distance = distance[np.abs(distance) < 1e6]
    values, counts = np.unique(distance, return_counts=True)
    often = values[np.argsort(-counts, kind='stable')[:30]]
    shifts = np.unique(np.append(near, often * STEP_S))
    return shifts[np.argsort(np.abs(shifts), kind='stable')]


def _factors(segments: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Usual factors first, then those near the ratio of lengths."""
    ratio = _median_length(targets) / max(_median_length(segments), 1e-9)
    return np.append(FACTORS, ratio * np.geomspace(0.8, 1.25, 46))


def _median_length(segments: np.ndarray) -> float:
    """Median of the lengths, (P, 2) segments."""
    return float(np.median(segments[:, 1] - segments[:, 0]))
