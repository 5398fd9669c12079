"""Why mAP is what it is: the error analysis of DETAD, arrays in, numbers out.

The published code is of 2021; what it does wrong is mended here. In a video
without actions every false positive is background, detections are dropped
from a bucket at each tIoU for itself, and a class may have no detections.
"""
from dataclasses import dataclass
from typing import Any, Dict, Hashable, Mapping, Sequence

import numpy as np

from dyfadet_mm.fileio import MissingFieldError
from .characteristics import (CHARACTERISTICS, Edges, count_misses,
                              find_actions, make_buckets, measure_actions,
                              measure_sensitivity)
from .checks import check_thresholds
from .error_types import classify, profile_errors
from .inputs import (Columns, Videos, collect_detections, items_of,
                     rank_videos, read_video, stack_videos)
from .normalized_ap import Matches, normalized_map

Durations = Mapping[Hashable, float]


@dataclass
class Evidence:
    """Detections, actions and matches, from which all numbers are made.

    Args:
        video_ids (list): By rank.
        all_detections (Columns): Also of classes without actions.
        matches (Matches): At the tIoU thresholds.
        order (ndarray): Places of the actions in their file, (G, ).
        values (dict): Of :func:`measure_actions`, (G, ) each.
        num_dropped (int): Actions longer than their video or without length.
    """

    video_ids: Sequence[Hashable]
    all_detections: Columns
    matches: Matches
    order: np.ndarray
    values: Dict[str, np.ndarray]
    num_dropped: int


def analyze_errors(predictions: Videos,
                   ground_truth: Videos,
                   durations: Durations,
                   tiou_thresholds: Sequence[float],
                   edges: Edges = None) -> Dict[str, Any]:
    """Diagnose detections by the protocol of DETAD.

    Every number is of normalised precision, which treats all classes as if
    they had the same number of actions. A false positive is judged by the
    action of any class in its video with the greatest tIoU t, at the
    threshold a; of equal ones the first of the file counts:

    ================ ============ =====
    type             t            label
    ================ ============ =====
    double detection >= a         same
    wrong label      >= a         other
    localization     0.1 <= t < a same
    confusion        0.1 <= t < a other
    background       < 0.1        any
    ================ ============ =====

    Detections of classes without actions are put aside. Actions that cover
    more than their video or end before they begin are dropped; repeated ones
    count, as in the published code. Equal scores are taken as in
    :func:`tad_map`.

    Args:
        predictions (Mapping): As of :func:`tad_map`.
        ground_truth (Mapping): As of :func:`tad_map`.
        durations (Mapping): ``durations[video_id]`` in seconds, of every
            video with actions.
        tiou_thresholds (Sequence[float]): K values in (0, 1]; published are
            0.5, 0.55, ..., 0.95 for ActivityNet and 0.5 for THUMOS14.
        edges (str | Mapping | None): Edges of the buckets: ``'thumos14'`` or
            ``'activitynet'`` as published, or ``{characteristic: edges}``
            with the characteristics ``'coverage'`` of the video, ``'length'``
            in seconds and ``'num-instances'`` in the video. Defaults to None:
            quintiles of the actions.

    Returns:
        dict: Fractions in [0, 1], means over tIoU unless (K, ) is said:

        - ``average_mAP_N`` (float) and ``mAP_N`` (ndarray): (K, ).
        - ``profile`` (dict): By type, ``'true positive'`` among them, its
          share of the best detections in ten bands: of a class with G_j
          actions the first band has the G_j best detections, (10, ).
        - ``counts`` (dict): Their numbers by type, (K, ).
        - ``impact`` (dict): By type, what average mAP_N gains without it.
        - ``sensitivity`` (dict): By characteristic and bucket, mAP_N on the
          actions of this bucket alone.
        - ``sensitivity_summary`` (dict): By characteristic, ``range``, the
          best bucket less the worst, and ``gain``, the best less all.
        - ``false_negatives`` (dict): By characteristic and bucket, share of
          actions not found; a find at P_N <= 0.05 counts as none.
        - ``pairs`` (dict): The same by two characteristics, (B1, B2).
        - ``edges``, ``bucket_sizes`` (dict): Of the buckets.
        - ``num_actions``, ``num_detections``, ``num_dropped``,
          ``num_aside`` (int): What was looked at, dropped or put aside.

        A bucket without actions has NaN.

    Raises:
        KeyError: If a field or a duration is missing.
        ValueError: As in :func:`tad_map`, or if a duration is no positive
            number, or edges are unknown or do not ascend.

    Reference:
        Alwassel et al., Diagnosing Error in Temporal Action Detectors, ECCV
        2018.
    """
    evidence = gather(predictions, ground_truth, durations, tiou_thresholds)
    matches = evidence.matches
    buckets = make_buckets(evidence.values, edges)
    scores = normalized_map(matches) if len(matches.actions) else np.zeros(
        len(matches.thresholds))
    sensitivity = measure_sensitivity(matches, buckets)
    misses, pairs = count_misses(find_actions(matches), buckets)
    num_detections = len(evidence.all_detections)
    return dict(
        average_mAP_N=float(scores.mean()),
        mAP_N=scores,
        **profile_errors(matches, classify(matches, evidence.order)),
        sensitivity=sensitivity,
        sensitivity_summary={
            name: _summarize(list(values.values()), scores.mean())
            for name, values in sensitivity.items()
        },
        false_negatives=misses,
        pairs=pairs,
        edges={
            name: each.edges
            for name, each in buckets.items()
        },
        bucket_sizes={
            name: each.sizes()
            for name, each in buckets.items()
        },
        num_actions=len(matches.actions),
        num_detections=num_detections,
        num_dropped=evidence.num_dropped,
        num_aside=num_detections - len(matches.detections))


def gather(predictions: Videos, ground_truth: Videos, durations: Durations,
           tiou_thresholds: Sequence[float]) -> Evidence:
    """Read, check, sort and match.

    Arguments and errors are those of :func:`analyze_errors`.

    Returns:
        Evidence: What the numbers are made of.
    """
    thresholds = check_thresholds(tiou_thresholds)
    ranks = rank_videos(predictions, ground_truth)
    detections = collect_detections(predictions, ranks)
    actions = stack_videos([
        read_video(video_id, video, ranks[video_id], 'ground_truth')
        for video_id, video in items_of(ground_truth, 'ground_truth')
    ])
    values = measure_actions(actions,
                             _durations_of(actions, list(ranks), durations))
    kept = (values['coverage'] <= 1) & (values['length'] > 0)
    start, end = actions.segments.T
    order = np.lexsort((end, start, actions.videos, actions.labels))
    order = order[kept[order]]
    return Evidence(
        video_ids=list(ranks),
        all_detections=detections,
        matches=Matches.of(detections, actions.take(order), thresholds),
        order=order,
        values={name: values[name][order]
                for name in CHARACTERISTICS},
        num_dropped=int((~kept).sum()))


def _durations_of(actions: Columns, video_ids: Sequence[Hashable],
                  durations: Durations) -> np.ndarray:
    """Duration of each action's video, (G, )."""
    found = np.ones(len(video_ids))
    for rank in np.unique(actions.videos):
        video_id = video_ids[rank]
        if video_id not in durations:
            raise MissingFieldError(
                f'durations must have every video with actions, '
                f'but lack {video_id!r}')
        found[rank] = durations[video_id]
        if not 0 < found[rank] < np.inf:
            raise ValueError(f'durations must be positive numbers, but video '
                             f'{video_id!r} has {durations[video_id]}')
    return found[actions.videos]


def _summarize(values: Sequence[float], everything: float) -> Dict[str, float]:
    """Range of the buckets that have actions, and their best less all."""
    values = [value for value in values if not np.isnan(value)]
    if not values:
        return dict(range=float('nan'), gain=float('nan'))
    return dict(
        range=max(values) - min(values), gain=float(max(values) - everything))
