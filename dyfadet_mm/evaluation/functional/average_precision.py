"""Mean average precision of temporal action detection: arrays in, numbers out.

Every (detection, action) pair of one video and class whose tIoU reaches a
threshold is listed once; matching and precision are then array operations.
"""
from dataclasses import replace
from typing import Dict, Sequence, Union

import numpy as np

from .checks import check_thresholds
from .inputs import Columns, Videos, collect, sort_detections
from .matching import match_detections

Result = Dict[str, Union[float, np.ndarray]]


def tad_map(predictions: Videos,
            ground_truth: Videos,
            tiou_thresholds: Sequence[float],
            deduplicate: bool = True,
            raw_ids: bool = False) -> Result:
    """Mean average precision (mAP) at each tIoU threshold.

    Per class, the detections of all videos take, best score first, the free
    action of their video with the highest tIoU, provided it reaches the
    threshold; one that gets none is a false positive. AP is the area under
    the monotone precision envelope at all recalls; mAP is its mean over the
    classes that have an action. Detections of other classes are ignored,
    those in videos without ground truth are false positives. Actions that end
    before they start are never matched but count, as in the published code.

    Equal scores are taken by (video id as text, start, end); of actions with
    the same tIoU the one that starts, then ends, first is taken. The result
    depends neither on the order of the videos nor on that of their rows.

    Args:
        predictions (Mapping): ``predictions[video_id] = dict(segments,
            scores, labels)`` with segments (start, end) in seconds, (N, 2),
            scores (N, ) and integer labels (N, ); tensors, arrays or lists.
        ground_truth (Mapping): ``ground_truth[video_id] = dict(segments,
            labels)`` of the same kinds.
        tiou_thresholds (Sequence[float]): K values in (0, 1].
        deduplicate (bool): Whether to drop actions that repeat one of the
            same label within 1e-3 s at both ends, and then those without
            length, as the published evaluation does. Defaults to True.
        raw_ids (bool): What becomes of detections of a class without any
            action. False puts them aside, as OpenTAD does. True is the
            published code: classes with actions are numbered anew from 0 on,
            such a detection keeps its number and so counts as one of the
            class that has this number now. It matters where a class lacks
            actions, as some of EPIC-Kitchens-100 do. Defaults to False.

    Returns:
        dict: Fractions in [0, 1]:

        - ``mAP`` (ndarray): Per threshold, 0 without any action, (K, ).
        - ``average_mAP`` (float): Mean over the thresholds.
        - ``AP`` (ndarray): Per threshold and class, (K, A).
        - ``labels`` (ndarray): Classes that have an action, ascending, one
          per column of ``AP``, (A, ).
        - ``num_gt`` (ndarray): Actions of each, (A, ).

    Raises:
        KeyError: If a field is missing.
        ValueError: If a threshold is out of range, lengths disagree, a score
            or segment is not finite, or a detection ends before it starts.
            The video is named.

    Reference:
        The evaluation code of the ActivityNet challenge.
    """
    thresholds = check_thresholds(tiou_thresholds)
    detections, actions = collect(predictions, ground_truth, deduplicate)
    labels, num_gt = np.unique(actions.labels, return_counts=True)  # (A, )
    if raw_ids:
        detections = _keep_raw_ids(detections, labels)
    detections = detections.take(np.isin(detections.labels, labels))
    true_positive = match_detections(detections, actions, thresholds) >= 0
    # detections are sorted by label, so that a class is a slice
    bounds = np.searchsorted(detections.labels, [labels, labels + 1]).T
    ap = np.zeros((len(thresholds), len(labels)))
    for column, (first, last) in enumerate(bounds):
        ap[:, column] = _average_precision(true_positive[:, first:last],
                                           num_gt[column])
    mean = ap.mean(1) if len(labels) else np.zeros(len(thresholds))
    return dict(
        mAP=mean,
        average_mAP=float(mean.mean()),
        AP=ap,
        labels=labels,
        num_gt=num_gt)


def _keep_raw_ids(detections: Columns, labels: np.ndarray) -> Columns:
    """Relabel detections as ``raw_ids`` of :func:`tad_map` says.

    Args:
        detections (Columns): D rows.
        labels (ndarray): Classes that have an action, ascending, (A, ).

    Returns:
        Columns: Sorted by (label, score descending) again.
    """
    own = detections.labels.copy()
    stray = ~np.isin(own, labels) & (own >= 0) & (own < len(labels))
    own[stray] = labels[own[stray]]
    return sort_detections(replace(detections, labels=own))


def _average_precision(true_positive: np.ndarray, num_gt: int) -> np.ndarray:
    """All-point interpolated AP of one class.

    Args:
        true_positive (ndarray): Best score first, bool, (K, D).
        num_gt (int): Number of actions, positive.

    Returns:
        ndarray: AP per threshold, (K, ).
    """
    hits = true_positive.cumsum(1)  # (K, D)
    precision = hits / np.arange(1, hits.shape[1] + 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    # recall rises by 1 / num_gt at each true positive
    return (envelope * true_positive).sum(1) / num_gt
