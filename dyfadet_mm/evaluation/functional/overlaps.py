"""tIoU of the detections and the actions of one video and class."""
from typing import Tuple

import numpy as np

from .inputs import Columns

# times from which the union of two segments may not be finite
HUGE = np.finfo(np.float64).max / 8
# most (detection, action) pairs compared at once, few enough for the cache
MAX_PAIRS = 2**18


def list_overlaps(
        detections: Columns, actions: Columns,
        min_tiou: float) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List the pairs of one video and class with tIoU >= ``min_tiou``.

    Args:
        detections (Columns): D rows.
        actions (Columns): Sorted by (label, video), G rows.
        min_tiou (float): Least tIoU, above 0.

    Returns:
        tuple: Row of the detection, ascending, row of the action and tIoU,
        (P, ) each.
    """
    first, count = rows_of_actions(detections, actions)  # (D, ) each
    found = []
    chunk = np.cumsum(count) // MAX_PAIRS  # (D, )
    for rows in np.split(
            np.arange(len(chunk)),
            np.flatnonzero(np.diff(chunk)) + 1):
        detection, action = expand_ranges(first[rows], count[rows])
        detection = rows[detection]  # (P, )
        tiou = paired_tiou(detections.segments[detection],
                           actions.segments[action])
        near = tiou >= min_tiou
        found.append((detection[near], action[near], tiou[near]))
    return tuple(np.concatenate(parts) for parts in zip(*found))


def rows_of_actions(detections: Columns,
                    actions: Columns) -> Tuple[np.ndarray, np.ndarray]:
    """Where the actions of each detection's video and class are.

    Args:
        detections (Columns): D rows.
        actions (Columns): Sorted by (label, video), G rows.

    Returns:
        tuple: First row and number of them, (D, ) each.
    """
    num_videos = 1 + max(
        detections.videos.max(initial=0), actions.videos.max(initial=0))
    keys = actions.labels * num_videos + actions.videos  # (G, ), ascending
    own_keys = detections.labels * num_videos + detections.videos
    first = np.searchsorted(keys, own_keys, side='left')  # (D, )
    return first, np.searchsorted(keys, own_keys, side='right') - first


def expand_ranges(first: np.ndarray,
                  count: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """List the rows of many ranges.

    Args:
        first (ndarray): First row of each range, (D, ).
        count (ndarray): Rows of each, (D, ).

    Returns:
        tuple: Index of the range, ascending, and row, (P, ) each.
    """
    index = np.repeat(np.arange(len(count)), count)
    rank = np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
    return index, first[index] + rank


def paired_tiou(segments1: np.ndarray, segments2: np.ndarray) -> np.ndarray:
    """tIoU of aligned pairs, 0 for an empty union.

    Args:
        segments1 (ndarray): (start, end), (..., 2).
        segments2 (ndarray): (start, end) in the same unit, (..., 2).

    Returns:
        ndarray: Values in [0, 1], (...).
    """
    largest = np.maximum(np.abs(segments1), np.abs(segments2)).max(-1)
    if largest.max(initial=0) > HUGE:
        # a power of two changes no digit
        factor = np.where(largest > HUGE, 0.125, 1.)[..., None]
        segments1, segments2 = segments1 * factor, segments2 * factor
    inter = np.minimum(segments1[..., 1], segments2[..., 1])
    inter = inter - np.maximum(segments1[..., 0], segments2[..., 0])
    inter = inter.clip(min=0)
    length1 = segments1[..., 1] - segments1[..., 0]
    length2 = segments2[..., 1] - segments2[..., 0]
    union = length1 + length2 - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
