"""What kind of mistake each false positive is, and what each kind costs."""
from typing import Dict, Tuple

import numpy as np

from .inputs import Columns
from .normalized_ap import Matches, normalized_map
from .overlaps import list_overlaps

#: Kinds of detections; all but the first are false positives.
TYPES = ('true positive', 'double detection', 'wrong label', 'localization',
         'confusion', 'background')
# tIoU from which a false positive has to do with an action
MIN_TIOU = 0.1
# of each class, this many times its actions are the detections looked at
LIMIT = 10


def nearest_actions(detections: Columns, actions: Columns,
                    order: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Find the action of any class that overlaps a detection the most.

    Args:
        detections (Columns): D rows.
        actions (Columns): G rows.
        order (ndarray): Places of the actions in their file, (G, ); of equal
            tIoU the first one counts.

    Returns:
        tuple: Row of the action, -1 without overlap, and tIoU, (D, ) each.
    """
    rows = np.lexsort((order, actions.videos))
    detection, action, tiou = list_overlaps(
        detections.without_labels(),
        actions.take(rows).without_labels(),
        np.finfo(float).tiny)
    best = np.lexsort((action, -tiou, detection))
    detection, first = np.unique(detection[best], return_index=True)
    nearest = np.full(len(detections), -1)
    overlap = np.zeros(len(detections))
    nearest[detection] = rows[action[best][first]]
    overlap[detection] = tiou[best][first]
    return nearest, overlap


def classify(matches: Matches, order: np.ndarray) -> np.ndarray:
    """Tell the kind of every detection.

    Args:
        matches (Matches): D detections.
        order (ndarray): As of :func:`nearest_actions`, (G, ).

    Returns:
        ndarray: Index into ``TYPES``, int, (K, D).
    """
    nearest, tiou = nearest_actions(matches.detections, matches.actions, order)
    labels = np.append(matches.actions.labels, 0)  # of row -1: unused
    is_other = labels[nearest] != matches.detections.labels  # (D, )
    near = tiou >= matches.thresholds[:, None]  # (K, D)
    kinds = np.where(near, 1, 3) + is_other
    kinds[~near & (tiou < MIN_TIOU)] = 5
    kinds[matches.found >= 0] = 0
    return kinds


def profile_errors(matches: Matches, kinds: np.ndarray) -> Dict[str, dict]:
    """Shares, numbers and costs of the kinds among the best detections.

    Of a class with G_j actions, the ``LIMIT`` G_j best detections are looked
    at. Shares are of all classes together in bands of G_j detections.

    Args:
        matches (Matches): D detections.
        kinds (ndarray): Of :func:`classify`, (K, D).

    Returns:
        dict: By type:

        - ``profile``: Share in each band, mean over tIoU; 0 in a band
          without detections, (LIMIT, ).
        - ``counts``: Number of detections per tIoU, (K, ).
        - ``impact``: Gain of the average mAP_N without the false positives
          of that type, float.
    """
    limited = matches.rank < LIMIT * matches.class_size  # (D, )
    band = (matches.rank // matches.class_size.clip(1))[limited]
    kinds_seen = kinds[:, limited]
    per_band = np.array([[
        np.bincount(band[row == kind], minlength=LIMIT)
        for kind in range(len(TYPES))
    ] for row in kinds_seen])  # (K, types, LIMIT)
    shares = per_band / per_band.sum(1, keepdims=True).clip(1)
    before = normalized_map(matches, limited)
    after = [
        normalized_map(matches, limited & (kinds != kind))
        for kind in range(1, len(TYPES))
    ]
    # without any action there is nothing to gain
    gains = np.nan_to_num(np.mean(after, axis=1) - before.mean())
    return dict(
        profile=dict(zip(TYPES, shares.mean(0))),
        counts=dict(zip(TYPES,
                        per_band.sum(2).T)),
        impact=dict(zip(TYPES[1:], gains.tolist())))
