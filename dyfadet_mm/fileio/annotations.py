"""Annotations in the layout of ActivityNet, read and checked.

.. code-block:: none

    {"database": {
        "video_test_0000004": {
            "subset": "Test",              # compared in lower case
            "duration": 33.67,             # seconds, may be a string
            "fps": 30.0,                   # optional
            "annotations": [               # optional
                {"segment": [0.2, 1.1],    # seconds
                 "label": "CricketBowling",
                 "label_id": 5}]}}}        # optional
"""
import json
import logging
from typing import Dict, Optional, Sequence, Tuple, Union
from urllib.error import HTTPError

from mmengine import fileio
from mmengine.logging import print_log

from .video_entries import actions_of, required_field


def load_database(ann_file: str, backend_args: Optional[dict] = None) -> dict:
    """Read an annotation file and return its videos.

    Args:
        ann_file (str): Path or URI of a JSON file.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of ``ann_file``.

    Returns:
        dict: Entry by video id, as stored.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON.
        TypeError: If the layout is not as shown above.
        KeyError: If ``database`` is missing.
    """
    try:
        content = fileio.get(ann_file, backend_args=backend_args)
    except (FileNotFoundError, IsADirectoryError, HTTPError) as error:
        raise FileNotFoundError(
            f'no annotation file at {ann_file!r}; set ann_file, relative to '
            'data_root if that is given') from error
    try:
        data = json.loads(content)
    except ValueError as error:
        raise ValueError(f'annotation file {ann_file!r} must be JSON, but '
                         f'got: {error}') from error
    if not isinstance(data, dict) or 'database' not in data:
        keys = sorted(data) if isinstance(data, dict) else type(data).__name__
        raise KeyError(
            f"annotation file {ann_file!r} must have the key 'database' as "
            f'in the layout of ActivityNet, but got {keys}')
    database = data['database']
    if not isinstance(database, dict):
        raise TypeError(f"'database' of {ann_file!r} must map video ids to "
                        f'entries, but got {type(database).__name__}')
    for video_id, entry in database.items():
        if not isinstance(entry, dict):
            raise TypeError(f'entry of video {video_id!r} in {ann_file!r} '
                            f'must be a dict, but got {type(entry).__name__}')
    return database


def select_subset(database: dict, subset: Union[str, Sequence[str]]) -> dict:
    """Keep the videos of one or several subsets.

    Args:
        database (dict): Entry by video id.
        subset (str | Sequence[str]): Names, in any case.

    Returns:
        dict: Entry by video id, in the order of the file.

    Raises:
        KeyError: If an entry has no ``subset``.
        ValueError: If a name has no video.
    """
    names = [subset] if isinstance(subset, str) else list(subset)
    wanted = {str(name).lower() for name in names}
    found = {}
    for video_id, entry in database.items():
        if 'subset' not in entry:
            raise KeyError(f"video {video_id!r} must have a 'subset', but got "
                           f'the fields {sorted(entry)}')
        found[video_id] = str(entry['subset']).lower()
    present = set(found.values())
    if not wanted or not wanted <= present:
        stored = sorted({str(entry['subset']) for entry in database.values()})
        raise ValueError(f'subset must be one of {stored}, the subsets in the '
                         f'annotation file, but got {subset!r}')
    return {
        video_id: entry
        for video_id, entry in database.items() if found[video_id] in wanted
    }


def resolve_classes(
        database: dict,
        classes: Optional[Sequence[str]] = None) -> Tuple[str, ...]:
    """Class names in label order.

    Given names win. Otherwise ``label_id`` decides where every annotation
    has one, each name one id and each id one name. Otherwise the names are
    sorted, as in OpenTAD. All subsets count, so that training and evaluation
    agree.

    Args:
        database (dict): Entry by video id, of **all** subsets.
        classes (Sequence[str], optional): Names that win. Defaults to None.

    Returns:
        tuple[str]: Names; the label of a class is its position. An id that
        no annotation has, such as an EPIC noun that never occurs, gets the
        name ``'class_<id>'``.

    Raises:
        TypeError: If ``classes`` are not names.
        ValueError: If ``classes`` repeat a name, or there are none.
    """
    if classes is not None:
        return _checked_classes(classes)
    pairs = set()
    for video_id, entry in database.items():
        for index, item in enumerate(actions_of(video_id, entry)):
            name = str(required_field(video_id, index, item, 'label'))
            label_id = item.get('label_id')
            if not isinstance(label_id, (int, type(None))):
                label_id = repr(label_id)
            pairs.add((name, label_id))
    names = sorted({name for name, _ in pairs})
    if not names:
        raise ValueError('classes must be given, for example '
                         "metainfo=dict(classes=('run', 'jump')), since the "
                         'annotation file has no actions')
    ids = {label_id: name for name, label_id in pairs}
    if set(ids) == {None}:
        return tuple(names)
    if len(pairs) > len(names) or len(ids) < len(names) or not all(
            type(label_id) is int and label_id >= 0 for label_id in ids):
        print_log(
            'label_id is ignored and classes are sorted by name, because not '
            'every action has one, or one name has two ids or one id two '
            'names; give metainfo=dict(classes=...) to choose the order',
            logger='current',
            level=logging.WARNING)
        return tuple(names)
    return _classes_by_id(ids)


def _checked_classes(classes: Sequence[str]) -> Tuple[str, ...]:
    """Check class names given by the user."""
    if isinstance(classes,
                  str) or not all(isinstance(name, str) for name in classes):
        raise TypeError('classes must be a sequence of names or a text file '
                        f'with one name per line, but got {classes!r}')
    repeated = sorted({n for n in classes if list(classes).count(n) > 1})
    if repeated or not classes:
        raise ValueError('classes must be different names, at least one, but '
                         f'got {repeated or classes} ' +
                         ('repeatedly' if repeated else ''))
    return tuple(classes)


def _classes_by_id(ids: Dict[int, str]) -> Tuple[str, ...]:
    """Order names by id; fill few gaps with names, close many."""
    num_classes = max(ids) + 1
    if num_classes == len(ids):
        return tuple(ids[i] for i in range(num_classes))
    if num_classes > 2 * len(ids):
        print_log(
            f'label_id goes up to {max(ids)} for {len(ids)} classes: the '
            'classes are numbered anew in the order of their ids',
            logger='current',
            level=logging.WARNING)
        return tuple(ids[i] for i in sorted(ids))
    empty = [i for i in range(num_classes) if i not in ids]
    print_log(
        f'label_id has no action for {len(empty)} of {num_classes} ids '
        f"({empty[:5]}{'...' if len(empty) > 5 else ''}): they are classes "
        'without data, num_classes includes them',
        logger='current')
    return tuple(ids.get(i, f'class_{i}') for i in range(num_classes))
