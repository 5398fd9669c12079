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

Files made for OpenTAD are read as well: they have "frame", the number of
frames, instead of "fps", and name the classes of EPIC-Kitchens "id_007".
"""
from typing import Optional, Sequence, Union
from urllib.error import HTTPError

from mmengine import fileio
from mmengine.logging import print_log

from .strict_json import load_json_strict


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
        ValueError: If it is not JSON, has a key twice, or a video id is no
            plain name, see :func:`check_video_id`.
        TypeError: If the layout is not as shown above.
        KeyError: If ``database`` is missing.
    """
    try:
        content = fileio.get(ann_file, backend_args=backend_args)
    except (FileNotFoundError, IsADirectoryError, HTTPError) as error:
        raise FileNotFoundError(
            f'no annotation file at {ann_file!r}; set ann_file, relative to '
            'data_root if that is given') from error
    data = load_json_strict(content, f'annotation file {ann_file!r}')
    if not isinstance(data, dict) or 'database' not in data:
        keys = sorted(data) if isinstance(data, dict) else type(data).__name__
        raise KeyError(
            f"annotation file {ann_file!r} must have the key 'database' as "
            f'in the layout of ActivityNet, but got {_shorten(keys)}'
            f'{_mmaction_hint(data)}')
    database = data['database']
    if not isinstance(database, dict):
        raise TypeError(f"'database' of {ann_file!r} must map video ids to "
                        f'entries, but got {type(database).__name__}')
    for video_id, entry in database.items():
        check_video_id(video_id, f'of {ann_file!r}')
        if not isinstance(entry, dict):
            raise TypeError(f'entry of video {video_id!r} in {ann_file!r} '
                            f'must be a dict, but got {type(entry).__name__}')
    return database


def check_video_id(video_id: str, where: str) -> None:
    """Refuse an id that could lead out of the folder of the features.

    Names of feature files are made of ids, so an id is a relative path of
    plain names: ``'vid'``, or ``'folder/vid'`` where files lie in folders.

    Args:
        video_id (str): The id.
        where (str): Its file, for the message.

    Raises:
        ValueError: If it is empty, begins or ends with a slash, or has a
            backslash, a NUL, or a part that is ``'.'``, ``'..'`` or empty.
    """
    outside = {'', '.', '..'} & set(video_id.split('/'))
    if outside or '\\' in video_id or '\0' in video_id:
        raise ValueError(
            f'video id {video_id!r} {where} must be the name of a video, or '
            "folders and a name as in 'folder/video', but leads elsewhere or "
            'nowhere; rename the video')


def _shorten(keys: Union[str, list]) -> str:
    """Quote the first keys of a file."""
    if len(keys) <= 5 or isinstance(keys, str):
        return str(keys)
    return f'{str(keys[:5])[:-1]}, ...]'


def _mmaction_hint(data: object) -> str:
    """What to do with MMAction2's own layout: videos at the top level."""
    if not isinstance(data, dict) or not any(
            isinstance(entry, dict) and 'duration_second' in entry
            for entry in data.values()):
        return ''
    return (": this is the layout of MMAction2's localizers; convert it with "
            'tools/dataset_converters/mmaction_to_tad.py')


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


def exclude_videos(entries: dict,
                   exclude: Union[str, Sequence[str]],
                   backend_args: Optional[dict] = None) -> dict:
    """Leave out videos by their ids.

    Args:
        entries (dict): Entry by video id.
        exclude (str | Sequence[str]): Ids, or path or URI of a text file with
            one id per line. Ids without an entry do no harm, as they may
            belong to another subset.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of the path.

    Returns:
        dict: Entry by video id, in the same order.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If no video is left.
    """
    if isinstance(exclude, str):
        try:
            text = fileio.get_text(exclude, backend_args=backend_args)
        except (FileNotFoundError, IsADirectoryError, HTTPError) as error:
            raise FileNotFoundError(
                f'no list of videos to exclude at {exclude!r}; set exclude, '
                'relative to data_root if that is given') from error
        exclude = [line.strip() for line in text.splitlines()]
    left_out = set(exclude) & set(entries)
    if not left_out:
        return entries
    if len(left_out) == len(entries):
        raise ValueError(f'exclude must leave some of the {len(entries)} '
                         'videos of the subset, but got the ids of all')
    print_log(
        f'excluded {len(left_out)} of {len(entries)} videos', logger='current')
    return {
        video_id: entry
        for video_id, entry in entries.items() if video_id not in left_out
    }
