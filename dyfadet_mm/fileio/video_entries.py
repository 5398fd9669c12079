"""One video of an annotation file: checked, and converted to numbers."""
import difflib
import math
from typing import Any, Collection, Dict, Optional, Tuple

import numpy as np

from .messages import MissingFieldError, brief


def parse_video(video_id: str,
                entry: dict,
                class_ids: Dict[str, int],
                fps: Optional[float] = None,
                ignore_labels: Collection[str] = (),
                allow_reversed: bool = True) -> Dict[str, Any]:
    """Check one entry and convert it to numbers.

    Published files have some reversed actions, which end before they start.
    They stay, since evaluation counts them; see :func:`find_reversed`.

    Args:
        video_id (str): Name of the video.
        entry (dict): Its entry in the annotation file.
        class_ids (dict[str, int]): Label of every class name.
        fps (float, optional): Frames per second that win over the file's.
            Defaults to None: ``fps`` of the entry, or ``frame / duration``.
        ignore_labels (Collection[str]): Names of which all annotations are
            left out unread. Defaults to ().
        allow_reversed (bool): Keep reversed actions. Defaults to True.

    Returns:
        dict: ``video_id``, ``duration`` (seconds, infinite if the file does
        not say), ``fps``, ``segments_s`` (N, 2) float64 in seconds and
        ``labels_s`` (N, ) int64.

    Raises:
        KeyError: If ``fps``, ``segment`` or ``label`` is missing.
        TypeError: If a field is of the wrong kind.
        ValueError: If a number is not finite or not positive, a label is
            unknown, or an action is reversed and ``allow_reversed`` is False.
    """
    duration = math.inf
    if entry.get('duration') is not None:
        duration = _positive(video_id, 'duration', entry['duration'])
    segments, labels = [], []
    for index, item in enumerate(actions_of(video_id, entry)):
        name = label_name(video_id, index, item)
        if name in ignore_labels:
            continue
        segments.append(_parse_segment(video_id, index, item, allow_reversed))
        labels.append(_look_up(video_id, index, name, class_ids))
    return dict(
        video_id=video_id,
        duration=duration,
        fps=_resolve_fps(video_id, entry, duration, fps),
        segments_s=np.array(segments, dtype=np.float64).reshape(-1, 2),
        labels_s=np.array(labels, dtype=np.int64))


def actions_of(video_id: str, entry: dict) -> list:
    """Get the actions of an entry; a missing list has none.

    Args:
        video_id (str): Name of the video.
        entry (dict): Its entry in the annotation file.

    Returns:
        list[dict]: Actions as stored.

    Raises:
        TypeError: If they are not a list of dicts.
    """
    items = entry.get('annotations')
    if items is None:
        return []
    if not isinstance(items, list) or not all(
            isinstance(item, dict) for item in items):
        raise TypeError(f"'annotations' of video {brief(video_id)} must be a "
                        f'list of dicts, but got {brief(items)}')
    return items


def required_field(video_id: str, index: int, item: dict, key: str) -> Any:
    """Get a field that every action must have.

    Args:
        video_id (str): Name of the video.
        index (int): Position of the action in its video.
        item (dict): The action.
        key (str): Name of the field.

    Returns:
        Any: Its value.

    Raises:
        KeyError: If it is missing or null.
    """
    if item.get(key) is None:
        raise MissingFieldError(
            f'annotation {index} of video {brief(video_id)} must '
            f'have {key!r}, but got {brief(item)}')
    return item[key]


def label_name(video_id: str, index: int, item: dict) -> str:
    """Class name of one action; a number becomes text.

    Args:
        video_id (str): Name of the video.
        index (int): Position of the action in its video.
        item (dict): The action.

    Returns:
        str: The name.

    Raises:
        KeyError: If it is missing or null.
        TypeError: If it is neither text nor a finite number, such as a list.
    """
    value = required_field(video_id, index, item, 'label')
    if not isinstance(value, str) and not math.isfinite(to_number(value)):
        raise TypeError(
            f'label of annotation {index} of video {brief(video_id)} must be '
            f'one class name, but got {brief(value)}; write one annotation '
            'per label, each with the segment')
    return str(value)


def to_number(value: Any) -> float:
    """Convert a number or a numeric string.

    Args:
        value (Any): What a file has in the place of a number.

    Returns:
        float: The number; NaN if it is none, as a list or a bool, or too
        large.
    """
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    return math.nan


def _positive(video_id: str, name: str, value: Any) -> float:
    """Check a number of seconds or frames of one video."""
    number = to_number(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f'{name} of video {brief(video_id)} must be a finite '
                         f'number above 0, but got {brief(value)}')
    return number


def _resolve_fps(video_id: str, entry: dict, duration: float,
                 fps: Optional[float]) -> float:
    """Choose frames per second: given, of the entry, or frame / duration."""
    if fps is not None:
        return float(fps)
    if entry.get('fps') is not None:
        return _positive(video_id, 'fps', entry['fps'])
    if entry.get('frame') is not None and math.isfinite(duration):
        frame = _positive(video_id, 'frame', entry['frame'])
        return _positive(video_id, 'frame / duration', frame / duration)
    raise MissingFieldError(
        f"video {brief(video_id)} must have 'fps' in the annotation "
        f'file, but got the fields {brief(sorted(entry))}; or set '
        'fps of the dataset in the config')


def _parse_segment(video_id: str, index: int, item: dict,
                   allow_reversed: bool) -> Tuple[float, float]:
    """Check the segment of one action, in seconds."""
    value = required_field(video_id, index, item, 'segment')
    where = f'segment of annotation {index} of video {brief(video_id)}'
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f'{where} must be [start, end] in seconds, but got '
                         f'{brief(value)}')
    start, end = map(to_number, value)
    if not (math.isfinite(start) and math.isfinite(end)):
        raise ValueError(f'{where} must be two finite numbers of seconds, but '
                         f'got {brief(value)}')
    if end < start and not allow_reversed:
        raise ValueError(f'{where} must not end before it starts, but got '
                         f'{brief(value)}; correct or remove it')
    return start, end


def _look_up(video_id: str, index: int, name: str,
             class_ids: Dict[str, int]) -> int:
    """Look up the label of one action."""
    if name not in class_ids:
        near = difflib.get_close_matches(name, class_ids, n=3, cutoff=0.3)
        raise ValueError(
            f'label of annotation {index} of video {brief(video_id)} must be '
            f'one of the {len(class_ids)} classes, but got {brief(name)}; the '
            f'closest are {brief(near or list(class_ids)[:3])}: correct it, '
            'or add it to metainfo=dict(classes=...)')
    return class_ids[name]
