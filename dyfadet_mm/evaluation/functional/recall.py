"""Recall of temporal action detection: arrays in, numbers out."""
from typing import Dict, Sequence, Tuple

import numpy as np

from .checks import check_thresholds
from .inputs import Columns, Videos, collect
from .overlaps import list_overlaps, rows_of_actions


def tad_recall(predictions: Videos,
               ground_truth: Videos,
               tiou_thresholds: Sequence[float],
               ks: Sequence[int] = (1, 5),
               deduplicate: bool = True) -> Dict[str, np.ndarray]:
    """Recall@kx at each tIoU threshold, as of Ego4D's moment queries.

    Of a video with x actions of a class, the k * x best detections of that
    class count. An action is recalled if any of them reaches the threshold;
    one detection may recall several actions. The recall of a class is the
    share of its actions, of all videos, that are recalled; Recall@kx is its
    mean over the classes that have an action.

    Equal scores are taken by (start, end).

    Args:
        predictions (Mapping): As in :func:`tad_map`.
        ground_truth (Mapping): As in :func:`tad_map`.
        tiou_thresholds (Sequence[float]): K values in (0, 1].
        ks (Sequence[int]): Q numbers of at least 1. Defaults to (1, 5).
        deduplicate (bool): As in :func:`tad_map`. Defaults to True.

    Returns:
        dict: Fractions in [0, 1]:

        - ``recall`` (ndarray): Per k and threshold, 0 without any action,
          (Q, K).
        - ``average_recall`` (ndarray): Per k, mean over the thresholds,
          (Q, ).
        - ``class_recall`` (ndarray): Per k, threshold and class, (Q, K, A).
        - ``labels`` (ndarray): Classes that have an action, ascending,
          (A, ).
        - ``num_gt`` (ndarray): Actions of each, (A, ).

    Raises:
        KeyError: If a field is missing.
        ValueError: If a k is not a whole number of at least 1, or as in
            :func:`tad_map`.

    Reference:
        Grauman et al., Ego4D, CVPR 2022, moment queries. Its benchmark and
        ActionFormer compute it alike.
    """
    thresholds = check_thresholds(tiou_thresholds)
    check_ks(ks)
    detections, actions = collect(predictions, ground_truth, deduplicate)
    labels, column, num_gt = np.unique(
        actions.labels, return_inverse=True, return_counts=True)
    detection, action, tiou = list_overlaps(detections, actions,
                                            thresholds.min())
    order, quota = order_and_quota(detections, actions)  # (D, ) each
    class_recall = np.zeros((len(ks), len(thresholds), len(labels)))
    for row, k in enumerate(ks):
        counted = (order < k * quota)[detection]  # (P, )
        for col, threshold in enumerate(thresholds):
            recalled = np.unique(action[counted & (tiou >= threshold)])
            hits = np.bincount(column[recalled], minlength=len(labels))
            class_recall[row, col] = hits / num_gt
    recall = class_recall.sum(2) / max(len(labels), 1)
    return dict(
        recall=recall,
        average_recall=recall.mean(1),
        class_recall=class_recall,
        labels=labels,
        num_gt=num_gt)


def check_ks(ks: Sequence[int]) -> None:
    """Refuse an empty list, and what is not a positive integer."""
    values = np.asarray(ks)
    if (values.ndim != 1 or not values.size or values.dtype.kind not in 'iu'
            or values.min() < 1):
        raise ValueError('ks must be whole numbers of at least 1, '
                         f'but got {ks}')


def order_and_quota(detections: Columns,
                    actions: Columns) -> Tuple[np.ndarray, np.ndarray]:
    """Rank of each detection in its video and class, and actions there.

    Args:
        detections (Columns): Sorted by (label, score descending), D rows.
        actions (Columns): Sorted by (label, video), G rows.

    Returns:
        tuple: Ranks from 0 on and numbers of actions, (D, ) each.
    """
    rows = np.lexsort((detections.videos, detections.labels))  # stable
    label, video = detections.labels[rows], detections.videos[rows]
    is_first = np.ones(len(rows), dtype=bool)
    is_first[1:] = (label[1:] != label[:-1]) | (video[1:] != video[:-1])
    start = np.maximum.accumulate(np.where(is_first, np.arange(len(rows)), 0))
    order = np.empty(len(rows), dtype=np.int64)
    order[rows] = np.arange(len(rows)) - start
    return order, rows_of_actions(detections, actions)[1]
