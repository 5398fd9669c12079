"""What detections and ground truth must be to be scored."""
from typing import Sequence

import numpy as np

from dyfadet_mm.fileio import find_reversed

# of a label; far above all data sets, and far from where integers wrap
MAX_LABEL = 2**31 - 1


def check_thresholds(tiou_thresholds: Sequence[float]) -> np.ndarray:
    """View tIoU thresholds as an array, (K, ).

    Args:
        tiou_thresholds (Sequence[float]): K values in (0, 1].

    Returns:
        ndarray: The same, (K, ).

    Raises:
        ValueError: If there is none, or one is out of range.
    """
    try:
        thresholds = np.atleast_1d(np.asarray(tiou_thresholds))
    except ValueError:  # lists of different lengths
        thresholds = np.zeros(0)
    is_number = thresholds.dtype.kind in 'iuf'
    if (not is_number or thresholds.ndim != 1 or not thresholds.size
            or not ((thresholds > 0) & (thresholds <= 1)).all()):
        raise ValueError('tiou_thresholds must be numbers in (0, 1], '
                         f'but got {str(tiou_thresholds)[:200]}')
    return thresholds.astype(float)


def check_video(where: str, segments: np.ndarray, labels: np.ndarray,
                scores: np.ndarray) -> None:
    """Refuse arrays that cannot be scored.

    Args:
        where (str): Names the video in the error.
        segments (ndarray): (N, 2).
        labels (ndarray): (N, ).
        scores (ndarray): (N, ).

    Raises:
        ValueError: If shapes disagree, labels are no integers or too large,
            or segments or scores no finite numbers.
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
    too_large = (labels < -MAX_LABEL) | (labels > MAX_LABEL)
    if num and too_large.any():
        raise ValueError(f'labels of {where} must be at most {MAX_LABEL}, '
                         f'but got {labels[too_large][0]}')
    for name, values in dict(segments=segments, scores=scores).items():
        if num and values.dtype.kind not in 'fiu':
            raise ValueError(f'{name} of {where} must be real numbers, but '
                             f'got {values.dtype}')
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
