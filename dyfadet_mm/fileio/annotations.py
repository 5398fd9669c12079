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
from typing import List, Optional, Sequence, Union

from mmengine.logging import print_log

from .messages import MissingFieldError, brief
from .reading import read_bytes, read_lines
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
        UnreadableFileError: If it cannot be read for another reason.
        ValueError: If it is not JSON, has a key twice, or a video id is no
            plain name, see :func:`check_video_id`.
        TypeError: If the layout is not as shown above.
        KeyError: If ``database`` is missing.
    """
    database = read_entries(ann_file, backend_args)
    for video_id in database:
        check_video_id(video_id, f'of {ann_file!r}')
    return database


def read_entries(ann_file: str,
                 backend_args: Optional[dict] = None,
                 repeated: Optional[List[str]] = None) -> dict:
    """Read an annotation file whatever its video ids are.

    Args:
        ann_file (str): Path or URI of a JSON file.
        backend_args (dict, optional): As in :func:`load_database`.
        repeated (list[str], optional): Receives the keys that an object has
            twice. Defaults to None, which refuses them.

    Returns:
        dict: Entry by video id, as stored.

    Raises:
        FileNotFoundError, KeyError, TypeError, ValueError: As in
            :func:`load_database`, but for video ids.
    """
    content = read_bytes(
        ann_file, 'annotation file',
        'set ann_file, relative to data_root if that is '
        'given', backend_args)
    data = load_json_strict(content, f'annotation file {ann_file!r}', repeated)
    if not isinstance(data, dict) or 'database' not in data:
        keys = sorted(data) if isinstance(data, dict) else type(data).__name__
        raise MissingFieldError(
            f"annotation file {ann_file!r} must have the key 'database' as "
            f'in the layout of ActivityNet, but got {_shorten(keys)}'
            f'{_mmaction_hint(data)}')
    database = data['database']
    if not isinstance(database, dict):
        raise TypeError(f"'database' of {ann_file!r} must map video ids to "
                        f'entries, but got {type(database).__name__}')
    for video_id, entry in database.items():
        if not isinstance(entry, dict):
            raise TypeError(
                f'entry of video {brief(video_id)} in {ann_file!r} must be a '
                f'dict, but got {type(entry).__name__}')
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
            f'video id {brief(video_id)} {where} must be the name of a video, '
            "or folders and a name as in 'folder/video', but leads elsewhere "
            'or nowhere; rename the video')


def _shorten(keys: Union[str, list]) -> str:
    """Quote the first keys of a file."""
    return keys if isinstance(keys, str) else brief(keys)


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
    stored = {k: subset_name(k, entry) for k, entry in database.items()}
    if not wanted or not wanted <= {name.lower() for name in stored.values()}:
        raise ValueError(
            f'subset must be one of {brief(sorted(set(stored.values())))}, '
            f'the subsets in the annotation file, but got {subset!r}')
    return {
        video_id: entry
        for video_id, entry in database.items()
        if stored[video_id].lower() in wanted
    }


def subset_name(video_id: str, entry: dict) -> str:
    """Name of the subset of a video; a number becomes text.

    Args:
        video_id (str): Name of the video.
        entry (dict): Its entry in the annotation file.

    Returns:
        str: The name as stored.

    Raises:
        KeyError: If it is missing.
        TypeError: If it is a list or a dict.
    """
    if 'subset' not in entry:
        raise MissingFieldError(
            f"video {brief(video_id)} must have a 'subset', but "
            f'got the fields {brief(sorted(entry))}')
    if isinstance(entry['subset'], (dict, list)):
        raise TypeError(f'subset of video {brief(video_id)} must be a name, '
                        f"but got {brief(entry['subset'])}")
    return str(entry['subset'])


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
        UnreadableFileError: If it cannot be read for another reason.
        ValueError: If it is not text in UTF-8, or no video is left.
    """
    if isinstance(exclude, str):
        lines = read_lines(
            exclude, 'list of videos to exclude',
            'set exclude, relative to data_root if that is '
            'given', backend_args)
        exclude = [line.strip() for line in lines]
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
