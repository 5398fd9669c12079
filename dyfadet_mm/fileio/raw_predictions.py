"""What a detector says of videos before NMS, in a folder.

======================== ====================================================
``raw_predictions.json`` ``classes`` in label order, ``videos``, the arguments
                         of ``postprocessor`` and of ``score_fusion`` (or
                         null), and the versions of format and package
``ID.npz``               ``scores`` (P, A) and ``segments``, (P, 2) or for
                         every class (P, A, 2), of the P points of all levels;
                         ``lengths`` (L,), the points of each level; ``fps``,
                         ``feat_stride``, ``feat_num_frames``, ``duration``
======================== ====================================================

The first file is written last: a folder without it is not complete. In
float32 the numbers are those of the network, with segments on the feature
grid. In float16 boundaries are counted from the point: half precision has
only every second whole number above 2048.
"""
import os.path as osp
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..version import __version__
from .atomic import atomic_path, save_json
from .class_lists import check_classes
from .feature_readers import NpzReader
from .file_names import FileNames
from .messages import brief
from .reading import read_bytes
from .strict_json import load_json_strict

#: Name of the file that says what the others are.
RAW_FILE = 'raw_predictions.json'
VERSION = 'dyfadet_mm raw predictions 1'
DTYPES = ('float16', 'float32')
_GRID = ('fps', 'feat_stride', 'feat_num_frames', 'duration')
_FACTS = dict(
    classes=list,
    videos=list,
    postprocessor=dict,
    score_fusion=(dict, type(None)))
_REMEDY = 'write it again with tools/test.py --dump-raw'

Level = Tuple[np.ndarray, np.ndarray]


class RawVideo(NamedTuple):
    """All candidates of one video.

    Attributes:
        levels (list[tuple[ndarray, ndarray]]): For each level, segments on
            the feature grid, (T_l, 2) or for every class (T_l, A, 2), and
            scores (T_l, A). Level l has a point on every 2^l-th cell.
        grid (dict): ``fps``, ``feat_stride``, ``feat_num_frames`` and
            ``duration`` (seconds).
    """

    levels: List[Level]
    grid: Dict[str, float]


class RawPredictions(NamedTuple):
    """Content of a folder.

    Attributes:
        classes (tuple[str]): Names in label order.
        postprocessor (dict): Arguments of ``SegmentPostprocessor``.
        score_fusion (dict, optional): Arguments of ``ScoreFusion``, None
            where the detector has none.
        videos (dict[str, RawVideo]): By video id.
    """

    classes: Tuple[str, ...]
    postprocessor: dict
    score_fusion: Optional[dict]
    videos: Dict[str, RawVideo]


def raw_paths(folder: str, video_ids: Sequence[str]) -> Dict[str, str]:
    """Files of videos, the same for the same ids in the same order.

    Args:
        folder (str): The folder.
        video_ids (Sequence[str]): All its videos.

    Returns:
        dict[str, str]: Path by video id.
    """
    names = FileNames()
    return {key: osp.join(folder, f'{names(key)}.npz') for key in video_ids}


def save_raw_video(path: str,
                   levels: Sequence[Level],
                   metainfo: dict,
                   dtype: str = 'float16') -> None:
    """Write the candidates of one video.

    Padding is left out: the end of a level that has no scores.

    Args:
        path (str): File to write.
        levels (Sequence[tuple[ndarray, ndarray]]): As of :class:`RawVideo`,
            float32.
        metainfo (dict): With the grid.
        dtype (str): ``'float16'`` or ``'float32'``. Defaults to
            ``'float16'``.

    Raises:
        WriteError: If it cannot be written.
    """
    lengths, limit = [], np.finfo(np.float16).max
    kept_segments, kept_scores = [], []
    for level, (segments, scores) in enumerate(levels):
        length = np.flatnonzero(scores.any(1)).max(initial=-1) + 1
        segments, scores = segments[:length], scores[:length]
        if dtype == 'float16':
            segments = segments - _points(level, segments)
            segments = segments.clip(-limit, limit)  # no video is so long
        lengths.append(length)
        kept_segments.append(segments)
        kept_scores.append(scores)
    with atomic_path(path, '.npz') as part:
        np.savez_compressed(
            part,
            segments=np.concatenate(kept_segments).astype(dtype),
            scores=np.concatenate(kept_scores).astype(dtype),
            lengths=lengths,
            **{key: float(metainfo[key])
               for key in _GRID})


def save_raw_facts(folder: str, **facts) -> None:
    """Say what the files of a folder are, when all have been written.

    Args:
        folder (str): The folder.
        facts: ``classes``, ``videos``, ``postprocessor`` and
            ``score_fusion``.

    Raises:
        WriteError: If it cannot be written.
    """
    save_json(
        osp.join(folder, RAW_FILE),
        dict(version=VERSION, dyfadet_mm=__version__, **facts),
        indent=1)


def load_raw_predictions(folder: str) -> RawPredictions:
    """Read a folder.

    Args:
        folder (str): The folder.

    Returns:
        RawPredictions: Its content.

    Raises:
        FileNotFoundError: If there is none, or it is not complete.
        ValueError: If it is of another version, damaged, or not as described.
    """
    path = osp.join(folder, RAW_FILE)
    what = f'raw predictions {path!r}'
    facts = load_json_strict(
        read_bytes(
            path, 'raw predictions',
            'tools/test.py --dump-raw writes this file when all others are '
            'there; run it to its end'), what)
    version = facts.get('version') if isinstance(facts, dict) else None
    if version != VERSION:
        raise ValueError(f'{what} must have the version {VERSION!r}, but got '
                         f'{brief(version)}; {_REMEDY}')
    for name, kind in _FACTS.items():
        if not isinstance(facts.get(name, 0), kind):
            raise ValueError(
                f'{what} must have {name!r} as tools/test.py writes it, but '
                f'got {brief(facts.get(name))}; {_REMEDY}')
    classes = check_classes(facts['classes'])
    paths = raw_paths(folder, list(map(str, facts['videos'])))
    videos = {key: load_raw_video(path) for key, path in paths.items()}
    for key, video in videos.items():
        for _, scores in video.levels:
            if scores.shape[1] not in (1, len(classes)):
                raise ValueError(
                    f'raw predictions {paths[key]!r} must be of 1 or '
                    f'{len(classes)} classes, those in {RAW_FILE}, but got '
                    f'{scores.shape[1]}; {_REMEDY}')
    return RawPredictions(classes, facts['postprocessor'],
                          facts['score_fusion'], videos)


def load_raw_video(path: str) -> RawVideo:
    """Read the candidates of one video.

    Args:
        path (str): File of :func:`save_raw_video`.

    Returns:
        RawVideo: The candidates.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or not as described.
    """
    content = read_bytes(path, 'raw predictions', _REMEDY)
    try:
        segments, scores, lengths, *grid = (
            NpzReader(key).decode(content)
            for key in ('segments', 'scores', 'lengths', *_GRID))
        _check(segments, scores, lengths, grid)
    except ValueError as error:
        raise ValueError(f'raw predictions {path!r} must {error}; '
                         f'{_REMEDY}') from error
    ends = lengths.cumsum()[:-1]
    levels = []
    for level, (part, part_scores) in enumerate(
            zip(np.split(segments, ends), np.split(scores, ends))):
        part = part.astype(np.float32)
        if segments.dtype == np.float16:
            part += _points(level, part)
        levels.append((part, part_scores.astype(np.float32)))
    return RawVideo(levels, dict(zip(_GRID, map(float, grid))))


def average_raw_videos(videos: Sequence[RawVideo]) -> RawVideo:
    """Mean of what several detectors say of one video.

    Args:
        videos (Sequence[RawVideo]): The video, of each of them.

    Returns:
        RawVideo: Means of scores and of segments, which are for every class
        if one detector has such.

    Raises:
        ValueError: If grids, levels or numbers of classes differ.
    """
    grids = [video.grid for video in videos]
    shapes = [[scores.shape for _, scores in x.levels] for x in videos]
    for name, values in (('grid', grids), ('shape of scores', shapes)):
        for other in values:
            if other != values[0]:
                raise ValueError(f'{name} must be the same to be averaged, '
                                 f'but got {brief(values[0])} and '
                                 f'{brief(other)}')
    levels = []
    for level in zip(*(video.levels for video in videos)):
        segments, scores = zip(*level)
        if len({each.ndim for each in segments}) > 1:
            segments = [x[:, None] if x.ndim == 2 else x for x in segments]
        levels.append((sum(segments) / len(videos), sum(scores) / len(videos)))
    return RawVideo(levels, grids[0])


def _points(level: int, segments: np.ndarray) -> np.ndarray:
    """Cells of the points of a level, (T_l, 1) or (T_l, 1, 1)."""
    points = np.arange(len(segments), dtype=np.float32) * 2**level
    return points.reshape(-1, *[1] * (segments.ndim - 1))


def _check(segments: np.ndarray, scores: np.ndarray, lengths: np.ndarray,
           grid: Sequence[np.ndarray]) -> None:
    """Refuse arrays that are not as described; the words follow "must"."""
    if scores.ndim != 2 or segments.shape not in ((len(scores), 2),
                                                  (*scores.shape, 2)):
        raise ValueError('have segments (P, 2) or (P, A, 2) and scores (P, A)'
                         f', but got {segments.shape} and {scores.shape}')
    if lengths.dtype.kind != 'i' or lengths.ndim != 1 or (
            lengths < 0).any() or lengths.sum() != len(scores):
        raise ValueError(f'have levels of {len(scores)} points together, but '
                         f'got {brief(lengths.tolist())}')
    for array in (segments, scores, *grid):
        if array.dtype.kind not in 'fi' or not np.isfinite(array).all():
            raise ValueError('hold finite numbers only, but got others')
    if any(each.size != 1 for each in grid):
        raise ValueError(f'have one number for each of {_GRID}')
