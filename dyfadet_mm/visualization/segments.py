"""Segments of one video, as callers give them, checked."""
import math
from typing import Any, Mapping, NamedTuple, Optional

import numpy as np

from .layout import to_array


class Segments(NamedTuple):
    """Detections or ground truth of one video.

    Attributes:
        segments (ndarray): (start, end) in seconds, (N, 2).
        labels (ndarray): (N, ).
        scores (ndarray, optional): (N, ), None for ground truth.
    """

    segments: np.ndarray
    labels: np.ndarray
    scores: Optional[np.ndarray]


def read_detections(video: Mapping[str, Any],
                    score_thr: float = -math.inf,
                    max_detections: Optional[int] = None) -> Segments:
    """Read the detections of a video.

    Args:
        video (Mapping): As of :func:`draw_timeline`; without ``segments`` it
            has none.
        score_thr (float): Lowest score. Defaults to all.
        max_detections (int, optional): Most detections. Defaults to None.

    Returns:
        Segments: The best first.

    Raises:
        ValueError: If arrays differ in length or a number is not finite.
    """
    if video.get('segments') is None:
        return Segments(np.zeros((0, 2)), np.zeros(0, int), np.zeros(0))
    found = _read(video, 'segments', 'labels', 'scores')
    order = np.argsort(-found.scores, kind='stable')
    order = order[found.scores[order] >= score_thr][:max_detections]
    return Segments(*(part[order] for part in found))


def read_truth(video: Mapping[str, Any]) -> Optional[Segments]:
    """Read the ground truth of a video.

    Args:
        video (Mapping): As of :func:`draw_timeline`.

    Returns:
        Segments, optional: By start; None where there is no
        ``gt_segments``, which is not the same as a video without actions.

    Raises:
        ValueError: As of :func:`read_detections`.
    """
    if video.get('gt_segments') is None:
        return None
    truth = _read(video, 'gt_segments', 'gt_labels')
    order = np.argsort(truth.segments[:, 0], kind='stable')
    return Segments(truth.segments[order], truth.labels[order], None)


def duration_of(video: Mapping[str, Any]) -> Optional[float]:
    """Seconds that a video lasts.

    Args:
        video (Mapping): As of :func:`draw_timeline`.

    Returns:
        float, optional: More than 0, None where it is not known.
    """
    duration = float(video.get('duration') or math.inf)
    return duration if 0 < duration < math.inf else None


def last_end(*parts: Optional[Segments]) -> float:
    """Seconds until the last segment ends.

    Args:
        parts (Segments, optional): Detections, ground truth.

    Returns:
        float: 1 where there is no segment.
    """
    ends = [part.segments.max(initial=0) for part in parts if part is not None]
    return float(max(ends, default=0)) or 1.


def _read(video: Mapping[str, Any], *keys: str) -> Segments:
    """Arrays of the same length, of finite numbers."""
    name = str(video.get('video_id', ''))
    values = [to_array(video[key]) for key in keys]
    values[0] = values[0].reshape(-1, 2)
    for key, value in zip(keys, values):
        if len(value) != len(values[0]):
            raise ValueError(
                f'{key} of video {name[:80]!r} must be one per segment, '
                f'{len(values[0])}, but got {len(value)}')
        if not np.isfinite(value).all():
            raise ValueError(f'{key} of video {name[:80]!r} must be finite, '
                             f'but got {value[~np.isfinite(value)][0]}')
    scores = values[2] if len(values) == 3 else None
    return Segments(values[0], values[1].astype(int), scores)
