"""Recall of temporal action proposals: arrays in, numbers out."""
from typing import Dict, Sequence

import numpy as np

from .checks import check_thresholds
from .inputs import Columns, Videos, collect
from .overlaps import list_overlaps

#: Average numbers of proposals per video at which recall is measured.
AVG_PROPOSALS = np.arange(1, 101)


def tad_average_recall(predictions: Videos, ground_truth: Videos,
                       tiou_thresholds: Sequence[float]) -> Dict[str, object]:
    """AR@AN of ActivityNet: recall with AN proposals per video on average.

    Labels are ignored. A segment that was detected for several classes is
    one proposal with the best of its scores. An action is recalled if any of
    the proposals that count reaches the threshold; one proposal may recall
    several actions.

    Videos with many proposals keep many: to have AN of them on average, each
    of the V videos with an action gives its best int(AN * V / P * n) of n,
    where P is the number of all. At P / V < AN all of them count. AUC is the
    area under AR over AN = 1, ..., 100, divided by 100, so that it is at
    most 0.99.

    Equal scores are taken by (start, end).

    Args:
        predictions (Mapping): As in :func:`tad_map`.
        ground_truth (Mapping): As in :func:`tad_map`. Repeated actions
            count.
        tiou_thresholds (Sequence[float]): K values in (0, 1]; of ActivityNet
            0.5, 0.55, ..., 0.95.

    Returns:
        dict: Fractions in [0, 1], 0 without any action:

        - ``recall`` (ndarray): Per threshold and AN, (K, 100).
        - ``average_recall`` (ndarray): Mean over the thresholds, (100, ).
        - ``AUC`` (float): As above.
        - ``num_gt`` (int): Actions.
        - ``num_proposals`` (int): P.

    Raises:
        KeyError: If a field is missing.
        ValueError: As in :func:`tad_map`.

    Note:
        The shares are rounded as by ActivityNet's code and MMAction2's
        ``average_recall_at_avg_proposals``, floating-point error included:
        of 100 proposals in every video, 28 count at AN = 29.

    Reference:
        Caba Heilbron et al., ActivityNet, CVPR 2015, task of proposals.
    """
    thresholds = check_thresholds(tiou_thresholds)
    detections, actions = collect(predictions, ground_truth, False)
    actions = actions.without_labels()
    actions = actions.take(np.argsort(actions.videos, kind='stable'))
    proposals = _unique_proposals(detections.without_labels())
    proposals = proposals.take(np.isin(proposals.videos, actions.videos))
    order = np.arange(len(proposals)) - np.searchsorted(
        proposals.videos, proposals.videos)  # rank in its video, (P, )
    needed = len(AVG_PROPOSALS) + len(proposals)  # more than there are
    proposal, action, tiou = list_overlaps(proposals, actions,
                                           thresholds.min())
    quotas = _quotas(proposals, actions)  # (G, 100)
    recall = np.zeros((len(thresholds), len(AVG_PROPOSALS)))
    for row, threshold in enumerate(thresholds):
        near = tiou >= threshold
        first = np.full(len(actions), needed)  # rank of the best that recalls
        np.minimum.at(first, action[near], order[proposal[near]])
        recalled = first[:, None] < quotas  # (G, 100)
        recall[row] = recalled.sum(0) / max(len(actions), 1)
    average_recall = recall.mean(0)
    area = (average_recall[1:] + average_recall[:-1]).sum() / 2
    return dict(
        recall=recall,
        average_recall=average_recall,
        AUC=float(area / AVG_PROPOSALS[-1]),
        num_gt=len(actions),
        num_proposals=len(proposals))


def _unique_proposals(detections: Columns) -> Columns:
    """Each segment of a video once, with its best score.

    Args:
        detections (Columns): D rows of one class.

    Returns:
        Columns: Sorted by (video, score descending, start, end), P rows.
    """
    start, end = detections.segments.T
    best_first = np.lexsort(
        (-detections.scores, end, start, detections.videos))
    rows = detections.take(best_first)
    is_first = np.ones(len(rows), dtype=bool)
    is_first[1:] = ((rows.videos[1:] != rows.videos[:-1]) |
                    (rows.segments[1:] != rows.segments[:-1]).any(1))
    unique = rows.take(is_first)
    return unique.take(np.lexsort((-unique.scores, unique.videos)))


def _quotas(proposals: Columns, actions: Columns) -> np.ndarray:
    """How many proposals of the video of each action count at each AN.

    Args:
        proposals (Columns): P rows, of videos with an action.
        actions (Columns): G rows.

    Returns:
        ndarray: Numbers of proposals, int, (G, 100).
    """
    videos, video = np.unique(actions.videos, return_inverse=True)
    counts = np.bincount(
        np.searchsorted(videos, proposals.videos), minlength=len(videos))
    most = AVG_PROPOSALS[-1]
    # in two steps, as the official code, whose rounding is kept
    total = float(most * len(videos))
    kept = np.minimum((counts * (total / max(counts.sum(), 1))).astype(int),
                      counts)  # (V, )
    share = AVG_PROPOSALS / most * (total / max(kept.sum(), 1))  # (100, )
    quotas = (kept[:, None] * share).astype(int)
    return np.minimum(quotas, kept[:, None])[video]
