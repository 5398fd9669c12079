"""Where the features of a video lie, one file per feature source."""
import logging
import posixpath
from typing import Dict, List, Optional, Union
from urllib.parse import quote

from mmengine.logging import print_log
from mmengine.utils import is_abs

from dyfadet_mm.fileio import features_exist, missing_features_message


def join_path(folder: str, path: str) -> str:
    """Join a folder and a path, unless that is absolute.

    Args:
        folder (str): Local folder or URI, may be empty.
        path (str): Local path or URI.

    Returns:
        str: Local path or URI.
    """
    if not folder or is_abs(path) or '://' in path:
        return path
    return posixpath.join(folder, path)


def feature_path(folder: str, name: str) -> str:
    """Path of the features of a video, which never leaves their folder.

    On a web server a name is data too: what means something in an address,
    such as ``?`` and ``%2e``, is escaped.

    Args:
        folder (str): Local folder or URI, may be empty.
        name (str): Name of the file, with the id of the video in it.

    Returns:
        str: Local path or URI.
    """
    if folder.startswith(('http://', 'https://')):
        name = quote(name)
    return posixpath.join(folder, name)


def per_source(name: str, value: Union[str, Dict[str, str]],
               sources: List[str]) -> Dict[str, str]:
    """Give every feature source its value of an argument.

    Args:
        name (str): The argument, for messages.
        value (str | dict[str, str]): One for all, or one by source.
        sources (list[str]): Keys of ``data_prefix``.

    Returns:
        dict[str, str]: Value by source, in the order of ``sources``.

    Raises:
        ValueError: If a source has none, or one is unknown.
    """
    if isinstance(value, str):
        return {source: value for source in sources}
    if set(value) != set(sources):
        raise ValueError(f'{name} must be a string or have the keys of '
                         f'data_prefix, {sources}, but got {value}')
    return {source: value[source] for source in sources}


def videos_with_features(data_list: List[dict],
                         skip_missing: bool = False,
                         backend_args: Optional[dict] = None) -> List[dict]:
    """Check that every video has the features of all its sources.

    Args:
        data_list (list[dict]): With ``video_id`` and ``feature_paths``, a
            dict with one path per source.
        skip_missing (bool): Leave out videos without, and log how many,
            instead of raising. Defaults to False.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of each path.

    Returns:
        list[dict]: Videos with features. All, if ``skip_missing`` is False
        and the storage cannot tell: reading them reports what is missing.

    Raises:
        FileNotFoundError: If features are missing and ``skip_missing`` is
            False, or if every video lacks some.
        NotImplementedError: If ``skip_missing`` is True and the storage
            cannot tell, as over HTTP.
    """
    try:
        missing = [_missing_source(info, backend_args) for info in data_list]
    except NotImplementedError as error:
        if not skip_missing:
            return data_list
        raise NotImplementedError(
            f'{error}; set filter_missing=False') from error
    kept = [info for info, source in zip(data_list, missing) if source is None]
    lost = [(info, source) for info, source in zip(data_list, missing)
            if source is not None]
    if lost and not (kept and skip_missing):
        info, source = lost[0]
        message = missing_features_message(info['video_id'],
                                           info['feature_paths'][source])
        more = '' if len(lost) == 1 else (
            f' (and for {len(lost) - 1} more of {len(data_list)} videos)')
        raise FileNotFoundError(
            f'source {source!r} of data_prefix has {message}{more}')
    if lost:
        names = ', '.join(info['video_id'] for info, _ in lost[:5])
        dots = ', ...' if len(lost) > 5 else ''
        print_log(
            f'skipped {len(lost)} of {len(data_list)} videos without '
            f'features: {names}{dots}',
            logger='current',
            level=logging.WARNING)
    return kept


def _missing_source(data_info: dict,
                    backend_args: Optional[dict]) -> Optional[str]:
    """The first source whose file a video lacks, or None."""
    for source, path in data_info['feature_paths'].items():
        if not features_exist(path, backend_args):
            return source
    return None
