"""Actions of one video that repeat another, are short, or reversed."""
import itertools
from typing import Dict, List, Tuple

import numpy as np


def remove_duplicates(
        segments: np.ndarray,
        labels: np.ndarray,
        tolerance: float = 1e-3) -> Tuple[np.ndarray, np.ndarray]:
    """Drop actions that repeat an earlier kept one of the same label.

    Args:
        segments (ndarray): Seconds, (N, 2).
        labels (ndarray): (N, ).
        tolerance (float): Largest difference of start and of end, in
            seconds. Defaults to 1e-3.

    Returns:
        tuple[ndarray]: Kept segments (M, 2) and labels (M, ), in order.
    """
    kept: List[int] = []
    # what is kept lies on a grid, so that only neighbours are compared
    cells: Dict[tuple, list] = {}
    width = 2 * tolerance or 1.
    starts, ends = segments.T.tolist()
    for i, (label, start,
            end) in enumerate(zip(labels.tolist(), starts, ends)):
        x, y = start // width, end // width
        near = itertools.chain.from_iterable(
            cells.get((label, x + dx, y + dy), ())
            for dx, dy in itertools.product((-1, 0, 1), repeat=2))
        if any(
                max(abs(start - first), abs(end - last)) <= tolerance
                for first, last in near):
            continue
        kept.append(i)
        cells.setdefault((label, x, y), []).append((start, end))
    return segments[kept], labels[kept]


def remove_short(segments: np.ndarray, labels: np.ndarray,
                 min_length: float) -> Tuple[np.ndarray, np.ndarray]:
    """Drop actions that are too short.

    Args:
        segments (ndarray): Seconds, (N, 2).
        labels (ndarray): (N, ).
        min_length (float): Seconds of the shortest action that is kept.

    Returns:
        tuple[ndarray]: Kept segments (M, 2) and labels (M, ), in order.
    """
    kept = segments[:, 1] - segments[:, 0] >= min_length  # (N, )
    return segments[kept], labels[kept]


def find_reversed(segments: np.ndarray) -> np.ndarray:
    """Find actions that end before they start, an error of annotation.

    No detector can learn or find one: they are no target in training, and
    evaluation counts them among the actions without ever matching them.

    Args:
        segments (ndarray): Seconds, (N, 2).

    Returns:
        ndarray: bool, True on reversed actions, (N, ).
    """
    return segments[:, 1] < segments[:, 0]
