"""Scores of a video classifier, read from a file and checked.

============ ==========================================================
suffix       content
============ ==========================================================
``.json``    video id to scores, at the top level or under ``results``;
             class names in label order under ``class`` or ``classes``
``.pkl``     the same as a pickle of plain data, arrays and tensors;
             one that names anything else is refused
``.npy``     UntrimmedNet's scores of the THUMOS14 test videos,
             (1574, 101)
============ ==========================================================

Scores of a video are A numbers, or one list of them: ``[[...]]``.
"""
import os.path as osp
from collections import Counter
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch

from .feature_readers.numpy_readers import load_npy
from .feature_readers.safe_loading import load_tensor_pickle
from .feature_readers.selection import as_array
from .messages import brief, cut
from .reading import read_bytes
from .strict_json import load_json_strict

# columns of the 20 classes of THUMOS14, alphabetical, among the 101
_THUMOS_COLUMNS = (6, 8, 11, 20, 21, 22, 23, 25, 30, 32, 35, 39, 44, 50, 67,
                   78, 84, 91, 92, 96)
_UNET_SHAPE = (1574, 101)


class VideoScores(NamedTuple):
    """Content of a score file.

    Attributes:
        scores (dict): ``scores[video_id]``, float32, (A,) each.
        classes (tuple[str], optional): Name of each of the A scores, None if
            the file has none.
    """

    scores: Dict[str, np.ndarray]
    classes: Optional[Tuple[str, ...]] = None


def load_scores(path: str, backend_args: Optional[dict] = None) -> VideoScores:
    """Read the file of a video classifier.

    Args:
        path (str): Path or URI; its suffix tells the format.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of ``path``.

    Returns:
        VideoScores: Scores by video id and, where known, class names.

    Raises:
        FileNotFoundError: If there is no such file.
        UnreadableFileError: If it cannot be read for another reason.
        ValueError: If it is of another format or damaged, names code, has a
            key twice, holds anything but finite numbers, or has another
            number of scores for some videos.
    """
    suffix = osp.splitext(path)[1].lower()
    if suffix not in _DECODERS:
        raise ValueError(f'score_file must end with one of {list(_DECODERS)}, '
                         f'but got {path!r}')
    content = read_bytes(path, 'class scores',
                         'set score_file to the path of the file',
                         backend_args)
    if suffix == '.json':
        content = load_json_strict(content, f'score_file {path!r}')
    try:
        found = _DECODERS[suffix](content)
        _check_lengths(found)
    except ValueError as error:
        raise ValueError(
            f'score_file {path!r} must {cut(str(error))}') from error
    return found


def match_classes(names: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Find the classes of a data set among those of a score file.

    Args:
        names (Sequence[str]): Class names of the file.
        classes (Sequence[str]): Class names of the data set.

    Returns:
        ndarray: Positions in ``names``, in the order of ``classes``, (A,).

    Raises:
        ValueError: If a name is in one of them alone, or twice in the file.
            The message follows the words "score_file .. must ".
    """
    file_only = sorted(set(names) - set(classes))
    data_only = sorted(set(classes) - set(names))
    if file_only or data_only:
        raise ValueError(
            f'name the {len(classes)} classes of the data set, but has '
            f'{_some(file_only)} that the data set lacks and lacks '
            f'{_some(data_only)} that it has; names are compared letter by '
            'letter, by_name=False takes the scores in their order')
    if len(set(names)) < len(names):
        twice = sorted(name for name, n in Counter(names).items() if n > 1)
        raise ValueError(f'name each class once, but repeats {_some(twice)}')
    position = {name: i for i, name in enumerate(names)}
    return np.array([position[name] for name in classes])


def _some(names: Sequence[str]) -> str:
    """How many, and the first few of them."""
    if not names:
        return 'none'
    dots = ', ...' if len(names) > 3 else ''
    return f"{len(names)} ({', '.join(map(brief, names[:3]))}{dots})"


def _decode_pickle(content: bytes) -> VideoScores:
    """Read a pickle."""
    return _parse(load_tensor_pickle(content))


def _decode_unet(content: bytes) -> VideoScores:
    """Read the array of UntrimmedNet."""
    array = load_npy(content)
    if array.shape != _UNET_SHAPE:
        raise ValueError('have a row per THUMOS14 test video and a column per '
                         f'class of THUMOS, {_UNET_SHAPE}, but got '
                         f'{array.shape}; give other scores as .json')
    return _parse({
        f'video_test_{row:07d}': scores
        for row, scores in enumerate(array[:, _THUMOS_COLUMNS], start=1)
    })


def _parse(data: Any) -> VideoScores:
    """Read the layout shown above."""
    if not isinstance(data, dict):
        data = dict(results=data)
    names = data.get('classes', data.get('class'))
    results = data.get(
        'results', {
            video_id: scores
            for video_id, scores in data.items()
            if video_id not in ('class', 'classes')
        })
    if not isinstance(results, dict):
        raise ValueError('map video ids to class scores, but holds '
                         f'{_describe(results)}')
    scores = {_to_id(k): _to_vector(k, value) for k, value in results.items()}
    if len(scores) < len(results):  # of a pickle, where 1 is not '1'
        raise ValueError('have every video once, but has an id as a number '
                         'and as text')
    if names is None:
        return VideoScores(scores)
    if not isinstance(names, (list, tuple)) or not all(
            isinstance(name, str) for name in names):
        raise ValueError("have a list of names under 'class' or 'classes', "
                         f'but got {_describe(names)}')
    return VideoScores(scores, tuple(names))


_DECODERS = {
    '.json': _parse,
    '.pkl': _decode_pickle,
    '.pickle': _decode_pickle,
    '.npy': _decode_unet,
}


def _describe(value: Any) -> str:
    """Kind and beginning of something unexpected."""
    text = value if isinstance(value, str) else brief(value)
    return f'{type(value).__name__} {text[:40]}'


def _to_id(key: Any) -> str:
    """Name of a video, text or a number."""
    if isinstance(key, bool) or not isinstance(key, (int, str)):
        raise ValueError('have the id of a video before its scores, but has '
                         f'{_describe(key)}')
    return str(key)


def _to_vector(video_id: Any, value: Any) -> np.ndarray:
    """Scores of one video, (A,)."""
    row = value
    if isinstance(row, (list, tuple)) and len(row) == 1 and not isinstance(
            row[0], (bool, float, int, str)):
        row = row[0]
    scores = _to_numbers(row)
    if scores.ndim == 2 and len(scores) == 1:
        scores = scores[0]
    if scores.ndim != 1 or not len(scores):
        raise ValueError('have a list of numbers for each video, but video '
                         f'{brief(video_id)} has {_describe(value)}')
    if not np.isfinite(scores).all():
        raise ValueError(f'have finite scores, but video {brief(video_id)} '
                         f'has {scores[~np.isfinite(scores)][0]}')
    return scores


def _to_numbers(row: Any) -> np.ndarray:
    """Convert what may be scores to float32; else no array of one axis."""
    try:
        if isinstance(row, (list, tuple)):
            # types first: a list in a list may be there many times
            row = [_to_scalar(each) for each in row]
        else:
            row = as_array(row)
            if row.dtype.kind not in 'fiu':
                raise TypeError(row.dtype)
        with np.errstate(over='ignore'):  # infinity is refused by name
            return np.array(row, dtype=np.float32)
    except (OverflowError, TypeError, ValueError):
        return np.zeros((0, 0))


def _to_scalar(value: Any) -> float:
    """One score, maybe as text or as an array of one number."""
    if isinstance(value, (np.ndarray, torch.Tensor)) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (float, int, str)):
        raise TypeError(value)
    return float(value)


def _check_lengths(found: VideoScores) -> None:
    """Refuse videos with another number of scores than the rest."""
    if not found.scores:
        return
    lengths = {video_id: len(each) for video_id, each in found.scores.items()}
    if found.classes is not None:
        expected = len(found.classes)
    else:
        expected = Counter(lengths.values()).most_common(1)[0][0]
    wrong = [f'{k[:80]} has {n}' for k, n in lengths.items() if n != expected]
    if wrong:
        dots = ', ...' if len(wrong) > 3 else ''
        raise ValueError(
            f'have {expected} scores per video, one per class, but '
            f'{len(wrong)} of {len(lengths)} videos have another number: '
            f"{', '.join(wrong[:3])}{dots}")
