"""Detections and ground truth of many videos as checked, sorted columns."""
import logging
from dataclasses import dataclass, fields, replace
from typing import Any, Dict, Hashable, Iterable, Mapping, Tuple

import numpy as np
from mmengine.logging import print_log
from torch import Tensor

from dyfadet_mm.fileio import (MissingFieldError, find_reversed,
                               remove_duplicates)
from .checks import check_detections, check_video

Videos = Mapping[Hashable, Mapping[str, Any]]


@dataclass
class Columns:
    """Segments of many videos, one row each.

    Args:
        videos (ndarray): Ranks of the videos, int, (N, ).
        segments (ndarray): (start, end) in seconds, float64, (N, 2).
        labels (ndarray): Classes, int64, (N, ).
        scores (ndarray): Zero for ground truth, float64, (N, ).
    """

    videos: np.ndarray
    segments: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.videos)

    def take(self, rows: np.ndarray) -> 'Columns':
        """Select rows by index or bool mask."""
        return Columns(*(getattr(self, f.name)[rows] for f in fields(self)))

    def without_labels(self) -> 'Columns':
        """The same rows as of one class."""
        return replace(self, labels=np.zeros_like(self.labels))


def collect(predictions: Videos, ground_truth: Videos,
            deduplicate: bool) -> Tuple[Columns, Columns]:
    """Detections and actions of all videos, checked and sorted.

    Args:
        predictions (Mapping): As in :func:`tad_map`.
        ground_truth (Mapping): As in :func:`tad_map`.
        deduplicate (bool): As in :func:`tad_map`.

    Returns:
        tuple[Columns, Columns]: D detections and G actions, as of
        :func:`collect_detections` and :func:`collect_ground_truth`.
    """
    ranks = rank_videos(predictions, ground_truth)
    actions = collect_ground_truth(ground_truth, ranks, deduplicate)
    return collect_detections(predictions, ranks), actions


def rank_videos(*collections: Iterable[Hashable]) -> Dict[Hashable, int]:
    """Number the videos of several collections in the order of their names."""
    names = set().union(*collections)
    return {name: rank for rank, name in enumerate(sorted(names, key=str))}


def collect_detections(predictions: Videos, ranks: Mapping[Hashable,
                                                           int]) -> Columns:
    """Detections sorted by (label, score descending, video, start, end).

    Args:
        predictions (Mapping): As in :func:`tad_map`.
        ranks (Mapping): Ranks of the videos.

    Returns:
        Columns: D rows.

    Raises:
        KeyError: If a field is missing.
        ValueError: As in :func:`tad_map`.
    """
    columns = stack_videos([
        read_video(
            video_id, video, ranks[video_id], 'predictions', has_scores=True)
        for video_id, video in items_of(predictions, 'predictions')
    ])
    return sort_detections(columns)


def items_of(videos: Any, source: str) -> Iterable[Tuple[Hashable, Any]]:
    """Ids and videos of a mapping, and of nothing else.

    Args:
        videos (Mapping): As in :func:`tad_map`.
        source (str): Name of the argument, for errors.

    Returns:
        Iterable: Pairs of id and video.

    Raises:
        TypeError: If it is no mapping.
    """
    if not isinstance(videos, Mapping):
        raise TypeError(f'{source} must be a dict of videos, but got '
                        f'{type(videos).__name__}')
    return videos.items()


def sort_detections(columns: Columns) -> Columns:
    """Sort rows by (label, score descending, video, start, end)."""
    start, end = columns.segments.T
    return columns.take(
        np.lexsort(
            (end, start, columns.videos, -columns.scores, columns.labels)))


def collect_ground_truth(ground_truth: Videos, ranks: Mapping[Hashable, int],
                         deduplicate: bool) -> Columns:
    """Actions sorted by (label, video, start, end).

    Actions that end before they start, as some of MultiTHUMOS and Charades
    do, stay: their tIoU is 0 with everything, so that they count as missed.
    One line of the log says how many.

    Args:
        ground_truth (Mapping): As in :func:`tad_map`.
        ranks (Mapping): Ranks of the videos.
        deduplicate (bool): As in :func:`tad_map`.

    Returns:
        Columns: G rows.

    Raises:
        KeyError: If a field is missing.
        ValueError: As in :func:`tad_map`.
    """
    videos = []
    for video_id, video in items_of(ground_truth, 'ground_truth'):
        actions = read_video(video_id, video, ranks[video_id], 'ground_truth')
        videos.append(_deduplicate(actions) if deduplicate else actions)
    columns = stack_videos(videos)
    start, end = columns.segments.T
    num_reversed = int(find_reversed(columns.segments).sum())
    if num_reversed:
        print_log(
            f'{num_reversed} of {len(columns)} annotated actions end before '
            'they start: nothing matches them, they count as missed',
            'current',
            level=logging.WARNING)
    return columns.take(
        np.lexsort((end, start, columns.videos, columns.labels)))


def _deduplicate(actions: Columns) -> Columns:
    """Drop repeated actions of one video, then those without length."""
    segments, labels = remove_duplicates(actions.segments, actions.labels)
    unique = Columns(actions.videos[:len(labels)], segments, labels,
                     actions.scores[:len(labels)])
    return unique.take(segments[:, 0] != segments[:, 1])


def stack_videos(videos: Iterable[Columns]) -> Columns:
    """Join the rows of all videos.

    Args:
        videos (Iterable[Columns]): Any number.

    Returns:
        Columns: No row if there is no video.
    """
    nothing = np.zeros(0, dtype=np.int64)
    empty = Columns(nothing, np.zeros((0, 2)), nothing, np.zeros(0))
    videos = [empty, *videos]
    return Columns(
        *(np.concatenate([getattr(video, f.name) for video in videos])
          for f in fields(Columns)))


def read_video(video_id: Hashable,
               video: Mapping[str, Any],
               rank: int,
               source: str,
               has_scores: bool = False) -> Columns:
    """Read and check one video.

    Args:
        video_id (Hashable): Named in errors.
        video (Mapping): Its ``segments``, ``labels`` and maybe ``scores``.
        rank (int): Rank of the video.
        source (str): Name of the argument it is from, for errors.
        has_scores (bool): Whether these are detections, which have
            ``scores`` and must not end before they start. Defaults to False.

    Returns:
        Columns: In the given order, N rows.

    Raises:
        KeyError: If a field is missing.
        TypeError: If it is no dict.
        ValueError: As in :func:`tad_map`.
    """
    where = f'{source}[{video_id!r}]'
    if not isinstance(video, Mapping):
        raise TypeError(f'{where} must be a dict of arrays, but got '
                        f'{type(video).__name__}')
    names = ['segments', 'labels'] + ['scores'] * has_scores
    missing = [name for name in names if name not in video]
    if missing:
        raise MissingFieldError(
            f'{where} must have {names}, but lacks {missing}')
    segments, labels, *scores = (
        _to_array(f'{name} of {where}', video[name]) for name in names)
    if not segments.size:
        segments = segments.reshape(0, 2)
    scores = scores[0] if has_scores else np.zeros(len(segments))
    check_video(where, segments, labels, scores)
    if has_scores:
        check_detections(where, segments)
    return Columns(
        np.full(len(labels), rank), segments.astype(np.float64),
        labels.astype(np.int64), scores.astype(np.float64))


def _to_array(where: str, value: Any) -> np.ndarray:
    """View a tensor, array or list as an array."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    try:
        if _has_bool(value):  # which NumPy would make 0 and 1 beside numbers
            raise TypeError('True or False')
        return np.asarray(value)
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f'{where} must be an array of numbers, but got: '
                         f'{error}') from error


def _has_bool(value: Any) -> bool:
    """Whether a list holds True or False, at any depth."""
    return isinstance(value, (bool, np.bool_)) or isinstance(
        value, (list, tuple)) and any(map(_has_bool, value))
