"""What the protocol of :func:`analyze_errors` lacks, at one tIoU."""
from typing import Any, Dict, List

import numpy as np

from .alignment import fit_times
from .confusion import confuse_classes
from .error_analysis import Durations, Evidence, gather
from .error_types import LIMIT, MIN_TIOU, TYPES, classify, nearest_actions
from .inputs import Videos
from .normalized_ap import normalized_ap

# detections of a video, of which recall is measured
NUMBERS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
NUM_BINS = 10


def detail_errors(predictions: Videos,
                  ground_truth: Videos,
                  durations: Durations,
                  tiou: float = 0.5,
                  num_worst: int = 10) -> Dict[str, Any]:
    """Boundaries, scores, confusions and the worst cases of detections.

    Args:
        predictions (Mapping): As of :func:`analyze_errors`.
        ground_truth (Mapping): As there.
        durations (Mapping): As there.
        tiou (float): From which an action is found. Defaults to 0.5.
        num_worst (int): Misses and false alarms listed. Defaults to 10.

    Returns:
        dict: Times in seconds, shares in [0, 1]:

        - ``boundaries`` (dict): Of the M actions that a detection of their
          class meets at tIoU 0.1, detected less annotated times:
          ``start_s``, ``end_s`` and, in lengths of the action,
          ``start_lengths``, ``end_lengths``; and ``length_s``, (M, ) each.
        - ``calibration`` (dict): ``edges`` of ten bins of the score, (11, ),
          and of each ``count``, mean ``score`` and ``precision``, (10, );
          ``error``, the mean distance of the two; ``separation``, the chance
          that a find has a higher score than a background detection.
        - ``confusion`` (dict): ``labels`` and ``counts`` as of
          :func:`confuse_classes`.
        - ``recall`` (dict): Share of actions found by the n best detections
          of every video, by n.
        - ``classes``, ``videos`` (list[dict]): Results of each; of a video
          ``after_last``, the actions that begin after its last detection.
        - ``misses``, ``false_alarms`` (list[dict]): The worst.
        - ``alignment`` (dict): As of :func:`fit_times`.

    Raises:
        KeyError: As in :func:`analyze_errors`.
        ValueError: As in :func:`analyze_errors`.
    """
    evidence = gather(predictions, ground_truth, durations, [MIN_TIOU, tiou])
    matches = evidence.matches
    kinds = classify(matches, evidence.order)[1]  # (D, )
    found = np.isin(np.arange(len(matches.actions)), matches.found[1])
    labels, counts = confuse_classes(evidence.all_detections, matches.actions,
                                     tiou)
    return dict(
        boundaries=_measure_boundaries(evidence),
        calibration=_calibrate(evidence, kinds),
        confusion=dict(labels=labels, counts=counts),
        recall=_recall_by_number(evidence),
        classes=_per_class(evidence, found),
        videos=_per_video(evidence, found, ground_truth, durations),
        misses=_worst_misses(evidence, found, num_worst),
        false_alarms=_worst_alarms(evidence, kinds, num_worst),
        alignment=fit_times(
            matches, evidence.values['length'] / evidence.values['coverage'],
            tiou))


def _measure_boundaries(evidence: Evidence) -> Dict[str, np.ndarray]:
    """Errors of start and end of what is met at tIoU 0.1."""
    matches = evidence.matches
    hits = np.flatnonzero(matches.found[0] >= 0)
    truth = matches.actions.segments[matches.found[0, hits]]  # (M, 2)
    error = matches.detections.segments[hits] - truth
    length = truth[:, 1] - truth[:, 0]
    return dict(
        start_s=error[:, 0],
        end_s=error[:, 1],
        start_lengths=error[:, 0] / length,
        end_lengths=error[:, 1] / length,
        length_s=length)


def _calibrate(evidence: Evidence, kinds: np.ndarray) -> Dict[str, Any]:
    """Precision by score, of the detections the protocol looks at."""
    matches = evidence.matches
    limited = matches.rank < LIMIT * matches.class_size
    scores, kinds = matches.detections.scores[limited], kinds[limited]
    edges = np.linspace(
        min(scores.min(initial=0), 0), max(scores.max(initial=1), 1),
        NUM_BINS + 1)
    rank = np.searchsorted(edges[1:-1], scores, side='left')
    count = np.bincount(rank, minlength=NUM_BINS)
    score, precision = (
        np.divide(
            np.bincount(rank, each, NUM_BINS),
            count,
            out=np.full(NUM_BINS, np.nan),
            where=count > 0) for each in (scores, kinds == 0))
    gap = np.nan_to_num(np.abs(score - precision))
    return dict(
        edges=edges,
        count=count,
        score=score,
        precision=precision,
        error=float((gap * count).sum() / max(count.sum(), 1)),
        separation=_separation(scores[kinds == 0],
                               scores[kinds == len(TYPES) - 1]))


def _separation(high: np.ndarray, low: np.ndarray) -> float:
    """Chance that one of ``high`` is above one of ``low``; NaN if empty."""
    if not len(high) or not len(low):
        return float('nan')
    low = np.sort(low)
    below = np.searchsorted(low, high) + np.searchsorted(low, high, 'right')
    return float(below.mean() / (2 * len(low)))


def _recall_by_number(evidence: Evidence) -> Dict[int, float]:
    """Recall of the best detections of every video, of all classes.

    The matches of all detections hold: whether one finds an action depends
    only on better ones.
    """
    matches = evidence.matches
    videos, scores = matches.detections.videos, matches.detections.scores
    order = np.lexsort((-scores, videos))
    place = np.empty(len(order), dtype=np.int64)  # in its video
    place[order] = np.arange(len(order)) - np.searchsorted(
        videos[order], videos[order])
    hits = place[matches.found[1] >= 0]
    total = max(len(matches.actions), 1)
    most = place.max(initial=0) + 1
    numbers = [n for n in NUMBERS if n < most] + [int(most)]
    return {n: float((hits < n).sum() / total) for n in numbers}


def _per_class(evidence: Evidence, found: np.ndarray) -> List[dict]:
    """Results of every class with actions."""
    matches = evidence.matches
    ap = normalized_ap(matches)[0][1]
    hits = matches.count_actions(found)
    counts = np.diff(matches.bounds).ravel()
    columns = (matches.labels, matches.num_gt, counts, hits,
               hits / matches.num_gt.clip(1), ap)
    names = ('label', 'actions', 'detections', 'found', 'recall', 'AP_N')
    return [
        dict(zip(names, row)) for row in zip(*(c.tolist() for c in columns))
    ]


def _per_video(evidence: Evidence, found: np.ndarray, ground_truth: Videos,
               durations: Durations) -> List[dict]:
    """Results of every annotated video, the most misses first."""
    matches = evidence.matches
    actions, detections = matches.actions, evidence.all_detections
    number = len(evidence.video_ids)
    last = np.full(number, -np.inf)  # end of the last detection
    np.maximum.at(last, detections.videos, detections.segments[:, 1])
    beyond = actions.segments[:, 0] >= last[actions.videos]
    columns = [
        np.bincount(each, minlength=number).tolist()
        for each in (actions.videos, detections.videos, actions.videos[found],
                     actions.videos[~found], actions.videos[beyond])
    ]
    names = ('actions', 'detections', 'found', 'missed', 'after_last')
    rows = [
        dict(
            video=video_id,
            duration=durations.get(video_id, float('nan')),
            **dict(zip(names, numbers)))
        for video_id, *numbers in zip(evidence.video_ids, *columns)
        if video_id in ground_truth
    ]
    return sorted(rows, key=lambda row: -row['missed'])


def _worst_misses(evidence: Evidence, found: np.ndarray,
                  number: int) -> List[dict]:
    """Missed actions that nothing of their class comes near, longest first."""
    matches = evidence.matches
    near = np.isin(np.arange(len(found)), matches.found[0])
    length = evidence.values['length']
    missed = np.flatnonzero(~found)
    order = missed[np.lexsort((-length[missed], near[missed]))]
    return [
        dict(
            video=evidence.video_ids[matches.actions.videos[row]],
            start=float(matches.actions.segments[row, 0]),
            end=float(matches.actions.segments[row, 1]),
            label=int(matches.actions.labels[row]),
            met_at_low_tiou=bool(near[row])) for row in order[:number]
    ]


def _worst_alarms(evidence: Evidence, kinds: np.ndarray,
                  number: int) -> List[dict]:
    """False positives of the highest scores, and what they are nearest to."""
    matches = evidence.matches
    rows = np.flatnonzero(kinds)
    rows = rows[np.argsort(-matches.detections.scores[rows],
                           kind='stable')][:number]
    alarms = matches.detections.take(rows)
    nearest, tiou = nearest_actions(alarms, matches.actions, evidence.order)
    return [
        dict(
            video=evidence.video_ids[alarms.videos[i]],
            start=float(alarms.segments[i, 0]),
            end=float(alarms.segments[i, 1]),
            label=int(alarms.labels[i]),
            score=float(alarms.scores[i]),
            type=TYPES[kinds[rows[i]]],
            nearest_label=None
            if nearest[i] < 0 else int(matches.actions.labels[nearest[i]]),
            tiou=float(tiou[i])) for i in range(len(rows))
    ]
