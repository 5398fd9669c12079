"""Average precision that does not depend on how frequent a class is.

Precision is higher where there are more actions to find. Normalised, every
class counts as if it had the mean number of them.
"""
from dataclasses import dataclass
from functools import cached_property
from typing import Optional, Tuple

import numpy as np

from .inputs import Columns
from .matching import match_detections


@dataclass
class Matches:
    """Detections of the classes with actions, and what they found.

    Args:
        detections (Columns): Sorted by (label, score descending), D rows.
        actions (Columns): Sorted by (label, video), G rows.
        thresholds (ndarray): tIoU, (K, ).
        found (ndarray): Row of the action a detection matches, or -1, (K, D).
    """

    detections: Columns
    actions: Columns
    thresholds: np.ndarray
    found: np.ndarray

    @classmethod
    def of(cls, detections: Columns, actions: Columns,
           thresholds: np.ndarray) -> 'Matches':
        """Match them; detections of classes without actions are dropped."""
        known = np.isin(detections.labels, actions.labels)
        detections = detections.take(known)
        found = match_detections(detections, actions, thresholds)
        return cls(detections, actions, thresholds, found)

    @cached_property
    def labels(self) -> np.ndarray:
        """Classes, ascending, (A, )."""
        return np.unique(self.actions.labels)

    @cached_property
    def bounds(self) -> np.ndarray:
        """First row of the detections of each class, and one more, (A, 2)."""
        ends = [self.labels, self.labels + 1]
        return np.searchsorted(self.detections.labels, ends).T

    @cached_property
    def num_gt(self) -> np.ndarray:
        """Actions of each class, (A, )."""
        return self.count_actions(np.ones(len(self.actions), dtype=bool))

    def count_actions(self, chosen: np.ndarray) -> np.ndarray:
        """Actions of each class among ``chosen``, bool, (G, ): (A, )."""
        rank = np.searchsorted(self.labels, self.actions.labels[chosen])
        return np.bincount(rank, minlength=len(self.labels))

    @cached_property
    def rank(self) -> np.ndarray:
        """Place of each detection in its class, from 0 on, (D, )."""
        counts = np.diff(self.bounds).ravel()
        return np.arange(len(self.detections)) - np.repeat(
            self.bounds[:, 0], counts)

    @cached_property
    def class_size(self) -> np.ndarray:
        """Actions of each detection's class, (D, )."""
        return np.repeat(self.num_gt, np.diff(self.bounds).ravel())


def normalized_ap(
        matches: Matches,
        counted: Optional[np.ndarray] = None,
        num_gt: Optional[np.ndarray] = None) -> Tuple[np.ndarray, np.ndarray]:
    """Interpolated AP_N of every class, and P_N at every detection.

    With R the recall, FP the number of false positives so far and N the mean
    number of actions per class, P_N = R N / (R N + FP).

    Args:
        matches (Matches): D detections.
        counted (ndarray, optional): Which detections count, bool, (D, ) or
            (K, D). Defaults to None: all.
        num_gt (ndarray, optional): Actions to be found of each class, (A, ).
            Defaults to None: all.

    Returns:
        tuple: AP_N, NaN for a class without an action to be found, (K, A),
        and P_N, (K, D).
    """
    true = matches.found >= 0
    false = ~true
    if counted is not None:
        true, false = true & counted, false & counted
    num_gt = matches.num_gt if num_gt is None else num_gt
    mean_num = matches.num_gt.mean() if len(num_gt) else 0.
    ap = np.full((len(true), len(num_gt)), np.nan)
    precision = np.zeros(true.shape)
    for column in np.flatnonzero(num_gt):
        rows = slice(*matches.bounds[column])
        hits = true[:, rows]
        weight = hits.cumsum(1) * (mean_num / num_gt[column])  # R N
        total = weight + false[:, rows].cumsum(1)
        value = np.divide(
            weight, total, out=np.zeros_like(weight), where=total > 0)
        envelope = np.maximum.accumulate(value[:, ::-1], axis=1)[:, ::-1]
        # recall rises by 1 / num_gt at each true positive
        ap[:, column] = (envelope * hits).sum(1) / num_gt[column]
        precision[:, rows] = value
    return ap, precision


def normalized_map(matches: Matches,
                   counted: Optional[np.ndarray] = None,
                   num_gt: Optional[np.ndarray] = None) -> np.ndarray:
    """mAP_N at each tIoU, over the classes with an action to be found.

    Args:
        matches (Matches): As of :func:`normalized_ap`.
        counted (ndarray, optional): As there. Defaults to None.
        num_gt (ndarray, optional): As there. Defaults to None.

    Returns:
        ndarray: Fractions, NaN if there is nothing to be found, (K, ).
    """
    ap = normalized_ap(matches, counted, num_gt)[0]
    present = ~np.isnan(ap).all(0)  # (A, )
    if not present.any():
        return np.full(len(ap), np.nan)
    return ap[:, present].mean(1)
