"""What detections and ground truth must be to be scored."""
from typing import Sequence

import numpy as np

from dyfadet_mm.fileio import find_reversed


def check_thresholds(tiou_thresholds: Sequence[float]) -> np.ndarray:
    """View tIoU thresholds as an array, (K, ).

    Args:
        tiou_thresholds (Sequence[float]): K values in (0, 1].

    Returns:
        ndarray: The same, (K, ).

    Raises:
        ValueError: If there is none, or one is out of range.
    """
    thresholds = np.atleast_1d(np.asarray(tiou_thresholds, dtype=float))
    in_range = (thresholds > 0) & (thresholds <= 1)
    if thresholds.ndim != 1 or not thresholds.size or not in_range.all():
        raise ValueError('tiou_thresholds must be numbers in (0, 1], '
                         f'but got {tiou_thresholds}')
    return thresholds


def check_video(where: str, segments: np.ndarray, labels: np.ndarray,
                scores: np.ndarray) -> None:
    """Refuse arrays that cannot be scored.

    Args:
        where (str): Names the video in the error.
        segments (ndarray): (N, 2).
        labels (ndarray): (N, ).
        scores (ndarray): (N, ).

    Raises:
        ValueError: If shapes disagree, labels are no integers, or a number
            is not finite.
    """
    num = len(segments)
    shapes = (segments.shape, labels.shape, scores.shape)
    if shapes != ((num, 2), (num, ), (num, )):
        raise ValueError(f'segments, labels and scores of {where} must be of '
                         'shapes (N, 2), (N, ) and (N, ), but got '
                         f'{shapes}')
    if num and labels.dtype.kind not in 'iu':
        raise ValueError(f'labels of {where} must be integers, '
                         f'but got {labels.dtype}')
    check_finite(where, segments=segments, scores=scores)


def check_finite(where: str, **arrays: np.ndarray) -> None:
    """Refuse NaN and infinity.

    Args:
        where (str): Names the video in the error.
        arrays (ndarray): By name.

    Raises:
        ValueError: If a value is not finite.
    """
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise ValueError(
                f'{name} of {where} must be finite, but got '
                f'{values[~np.isfinite(values)][0]}; see whether the features '
                'or annotations of this video and the weights of the model '
                'are finite')


def check_detections(where: str, segments: np.ndarray) -> None:
    """Refuse detections that end before they start.

    Args:
        where (str): Names the video in the error.
        segments (ndarray): (N, 2).

    Raises:
        ValueError: If one does.
    """
    is_reversed = find_reversed(segments)
    if is_reversed.any():
        raise ValueError(
            f'segments of {where} must end at or after their start, but got '
            f'{segments[is_reversed][0].tolist()}; correct or remove it')
