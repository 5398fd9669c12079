"""The JSON file beside features that says from which frames they are."""
import math
import os.path as osp
from typing import Any, Optional

from .atomic import save_json
from .messages import MissingFieldError, brief
from .reading import read_bytes
from .strict_json import load_json_strict
from .video_entries import to_number

#: Name of the file in a folder of features.
GRID_FILE = 'feature_grid.json'
VERSION = 'dyfadet_mm feature grid 1'
#: Files that hold the features of many videos.
CONTAINERS = ('.hdf5', '.h5', '.hdf')
# what the numbers are called where features are used
_NAMES = dict(
    fps='fps',
    feat_stride='stride',
    feat_num_frames='window',
    feat_dim='channels')


def grid_path(features: str) -> str:
    """Where the grid of features is written.

    Args:
        features (str): Folder of features, or one file with all of them.

    Returns:
        str: ``feature_grid.json`` in the folder, ``NAME.feature_grid.json``
        beside ``NAME.hdf5``.
    """
    stem, suffix = osp.splitext(features)
    if suffix.lower() in CONTAINERS:
        return f'{stem}.{GRID_FILE}'
    return osp.join(features, GRID_FILE)


def save_grid(features: str, facts: dict) -> None:
    """Write the grid of features beside them.

    Args:
        features (str): As of :func:`grid_path`.
        facts (dict): ``fps`` (None for that of each video), ``stride``,
            ``window`` (both None if the cells are spread over each video) and
            ``channels``, and what else tells how the features were made.

    Raises:
        WriteError: If the file cannot be written.
    """
    save_json(grid_path(features), {'version': VERSION, **facts}, indent=1)


def load_grid(features: str) -> Optional[dict]:
    """Read the grid of features, if there is one beside them.

    Args:
        features (str): As of :func:`grid_path`, on a local disk.

    Returns:
        dict, optional: As written by :func:`save_grid`; None if there is no
        such file.

    Raises:
        KeyError: If it lacks a number.
        TypeError: If it holds something else.
        ValueError: If it is no JSON, of another version, or a number is out
            of range.
    """
    path = grid_path(features)
    if not osp.isfile(path):
        return None
    what = f'feature grid {path!r}'
    facts = load_json_strict(read_bytes(path, 'feature grid', ''), what)
    if not isinstance(facts, dict):
        raise TypeError(f'{what} must be an object, but got {brief(facts)}')
    if facts.get('version') != VERSION:
        raise ValueError(f'{what} must have the version {VERSION!r}, but got '
                         f'{brief(facts.get("version"))}')
    for name in _NAMES.values():
        if name not in facts:
            raise MissingFieldError(f'{what} must have {name!r}, but has '
                                    f'{brief(sorted(facts))}')
        if name == 'channels' or facts[name] is not None:
            facts[name] = _positive(facts[name], name, what)
    if (facts['stride'] is None) != (facts['window'] is None):
        raise ValueError(f"{what} must have both 'stride' and 'window', or "
                         'None for both')
    return facts


def _positive(value: Any, name: str, what: str) -> float:
    """A number above 0, whole except for a rate."""
    number = to_number(value)
    if not (0 < number < math.inf) or name != 'fps' and number % 1:
        raise ValueError(f'{name} of {what} must be a '
                         f'{"" if name == "fps" else "whole "}number above 0, '
                         f'but got {brief(value)}')
    return number if name == 'fps' else int(number)


def check_grid(source: str, facts: dict, user: str,
               **values: Optional[float]) -> None:
    """Refuse features of another grid than the one they are used with.

    Args:
        source (str): What says ``facts``, for the error, such as
            :func:`grid_path`.
        facts (dict): As of :func:`load_grid`, or a part of it.
        user (str): What uses them, for the error, such as ``'the dataset'``.
        values: ``fps``, ``feat_stride``, ``feat_num_frames`` and ``feat_dim``
            that it has, or some of them. None is unknown.

    Raises:
        ValueError: If one differs. The error names both.
    """
    for name, value in values.items():
        known = facts.get(_NAMES[name])
        if name.startswith('feat_') and value is not None and (
                known is None and _NAMES[name] in facts):
            raise ValueError(
                f'{name} of {user} must be None, as {source!r} says that '
                f'cells are spread over each video, but got {value:g}; leave '
                'it out, and put SpreadFeatures into the pipeline')
        if None in (known, value) or abs(value - known) < 1e-3:
            continue
        raise ValueError(
            f'{name} of {user} must be that of its features, but got '
            f'{value:g}, and {source!r} says {_NAMES[name]} = '
            f'{known:g}; leave {name} out, or extract the features with '
            f'{_NAMES[name]} = {value:g}')
