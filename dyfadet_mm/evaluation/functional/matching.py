"""Which action each detection finds."""
import numpy as np

from .inputs import Columns
from .overlaps import list_overlaps


def match_detections(detections: Columns, actions: Columns,
                     thresholds: np.ndarray) -> np.ndarray:
    """Match detections with actions of their video and class.

    Best score first, each takes the free action with the highest tIoU; of
    equal ones the first row.

    Args:
        detections (Columns): Sorted by (label, score descending), D rows.
        actions (Columns): Sorted by (label, video), G rows.
        thresholds (ndarray): Least tIoU of a match, (K, ).

    Returns:
        ndarray: Row of the action, -1 for a false positive, int, (K, D).
    """
    detection, action, tiou = list_overlaps(detections, actions,
                                            thresholds.min())
    order = np.lexsort((action, -tiou, detection))
    detection, action, tiou = detection[order], action[order], tiou[order]
    matched = np.empty((len(thresholds), len(detections)), dtype=np.int64)
    for row, threshold in enumerate(thresholds):
        near = tiou >= threshold
        matched[row] = take_greedily(detection[near], action[near],
                                     len(detections), len(actions))
    return matched


def take_greedily(detection: np.ndarray, action: np.ndarray,
                  num_detections: int, num_actions: int) -> np.ndarray:
    """Match detections in their order, each with its first free action.

    A pair that comes first for its detection and first for its action is
    settled, whatever the others do, so that each round settles many.

    Args:
        detection (ndarray): Rows of pairs, ascending, (P, ).
        action (ndarray): Rows of pairs, best first per detection, (P, ).
        num_detections (int): D, number of detections.
        num_actions (int): G, number of actions.

    Returns:
        ndarray: Row of the action, -1 where it got none, int, (D, ).
    """
    matched = np.full(num_detections, -1)
    used = np.zeros(num_actions, dtype=bool)
    while len(detection):
        settled = np.zeros(len(detection), dtype=bool)
        settled[np.unique(action, return_index=True)[1]] = True
        settled[1:] &= detection[1:] != detection[:-1]
        matched[detection[settled]] = action[settled]
        used[action[settled]] = True
        free = (matched[detection] < 0) & ~used[action]
        detection, action = detection[free], action[free]
    return matched
