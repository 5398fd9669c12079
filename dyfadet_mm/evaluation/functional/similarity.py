"""How alike the features of a video are: arrays in, numbers out."""
import math
from typing import Dict

import numpy as np


def cosine_similarity(feats: np.ndarray) -> np.ndarray:
    """Cosine similarity of every pair of cells.

    Args:
        feats (ndarray): (T, C).

    Returns:
        ndarray: In [-1, 1], 0 for a cell that is zero, (T, T).

    Reference:
        Yang et al., DyFADet, ECCV 2024, Fig. 5b.
    """
    units = _units(feats)
    return (units @ units.T).clip(-1, 1)


def mean_similarity(feats: np.ndarray, times: np.ndarray,
                    segments: np.ndarray) -> Dict[str, float]:
    """Mean cosine similarity of the cells of a video, of which pairs.

    A cell is never paired with itself. No matrix is made, so that a video
    may be of any length.

    Args:
        feats (ndarray): (T, C).
        times (ndarray): Of the cells, in the unit of ``segments``, (T, ).
        segments (ndarray): Actions, (start, end), (N, 2).

    Returns:
        dict: In [-1, 1], NaN where there is no such pair:

        - ``mean``: Of all pairs of cells.
        - ``inside``: Of pairs of cells in the same action.
        - ``across``: Of pairs of a cell in an action and one in none.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Fig. 5a, which has the first.
    """
    units = _units(feats)
    times, segments = np.asarray(times), np.reshape(segments, (-1, 2))
    # which cells every action has, (N, T)
    covered = (segments[:, :1] <= times) & (times <= segments[:, 1:])
    action = covered.any(0)
    sums, counts = units[action].sum(0), int(action.sum())
    others = units[~action].sum(0)
    inside = [_sum_of_pairs(units[cells]) for cells in covered]
    return dict(
        mean=_ratio(*_sum_of_pairs(units)),
        inside=_ratio(*np.sum(inside, 0)) if inside else math.nan,
        across=_ratio(sums @ others, counts * (len(units) - counts)))


def _units(feats: np.ndarray) -> np.ndarray:
    """Features of length 1, or 0."""
    feats = np.asarray(feats, dtype=np.float64)
    norms = np.linalg.norm(feats, axis=1, keepdims=True)
    return np.divide(feats, norms, out=np.zeros_like(feats), where=norms > 0)


def _sum_of_pairs(units: np.ndarray) -> tuple:
    """Sum over the ordered pairs of different cells, and their number."""
    total = units.sum(0)
    return total @ total - np.sum(units * units), len(units) * (len(units) - 1)


def _ratio(total: float, count: float) -> float:
    """A mean, NaN of nothing."""
    return float(total / count) if count else math.nan
