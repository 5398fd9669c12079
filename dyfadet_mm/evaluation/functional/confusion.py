"""Which class is taken for which."""
from typing import Tuple

import numpy as np

from .inputs import Columns
from .matching import take_greedily
from .overlaps import list_overlaps


def confuse_classes(detections: Columns, actions: Columns,
                    tiou: float) -> Tuple[np.ndarray, np.ndarray]:
    """Count the labels that actions were detected with.

    Best score first, each detection takes the free action of its video, of
    any class, with the highest tIoU; of equal ones one of its own class.

    Args:
        detections (Columns): Of all classes, D rows.
        actions (Columns): G rows.
        tiou (float): Least tIoU of a match.

    Returns:
        tuple: Labels of both, ascending, (A, ), and numbers, rows the true
        label, columns the detected one, (A + 1, A + 1); the last row is of
        detections without an action, the last column of actions without a
        detection.
    """
    detections = detections.take(np.argsort(-detections.scores, kind='stable'))
    actions = actions.take(np.argsort(actions.videos, kind='stable'))
    detection, action, overlap = list_overlaps(detections.without_labels(),
                                               actions.without_labels(), tiou)
    is_other = detections.labels[detection] != actions.labels[action]
    order = np.lexsort((action, is_other, -overlap, detection))
    found = take_greedily(detection[order], action[order], len(detections),
                          len(actions))
    labels = np.unique(np.append(detections.labels, actions.labels))
    rank_of_detection = np.searchsorted(labels, detections.labels)
    rank_of_action = np.append(
        np.searchsorted(labels, actions.labels), len(labels))
    table = np.zeros((len(labels) + 1, len(labels) + 1), dtype=np.int64)
    np.add.at(table, (rank_of_action[found], rank_of_detection), 1)
    missed = np.setdiff1d(np.arange(len(actions)), found)
    np.add.at(table[:, -1], rank_of_action[missed], 1)
    return labels, table
