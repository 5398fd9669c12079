"""Files that X-AnyLabeling writes beside a video, with its segments.

.. code-block:: none

    {"version": "...", "type": "...", "video": "kitchen_07.mp4",
     "fps": 30.0, "duration_ms": 63200, "width": 640, "height": 360,
     "labels": ["pour"], "label_colors": {...},
     "segments": [{"id": "...", "label": "pour", "start_ms": 1500,
                   "end_ms": 4000, "start_frame": 45, "end_frame": 120,
                   "description": ""}]}
"""
import math
from collections import Counter

from ..messages import MissingFieldError, brief
from ..reading import read_bytes
from ..strict_json import load_json_strict
from ..video_entries import to_number
from .records import ToolFile, ToolVideo, make_action, video_id_of


def read_x_anylabeling(path: str) -> ToolFile:
    """Read the file of one video.

    Args:
        path (str): JSON file.

    Returns:
        ToolFile: The video, in seconds.

    Raises:
        KeyError: If a field is missing.
        TypeError: If the file is of another kind.
        ValueError: If a value is out of range.
    """
    data = load_json_strict(
        read_bytes(path, 'X-AnyLabeling file', 'give the path of one'),
        f'X-AnyLabeling file {path!r}')
    segments = data.get('segments') if isinstance(data, dict) else None
    if not isinstance(segments, list) or not all(
            isinstance(each, dict) for each in segments):
        raise TypeError(f"X-AnyLabeling file {path!r} must have 'segments', a "
                        f'list of objects, but got {brief(segments)}')
    file = data.get('video')
    if not isinstance(file, str) or not file:
        raise MissingFieldError(f"X-AnyLabeling file {path!r} must have "
                                f"'video', a name, but got {brief(file)}")
    actions = [
        make_action(f'{path!r}, segment {brief(each.get("id", index))}',
                    each.get('start_ms'), each.get('end_ms'),
                    each.get('label'), 'milliseconds')
        for index, each in enumerate(segments)
    ]
    duration, fps = (
        to_number(data.get(key)) for key in ('duration_ms', 'fps'))
    found = ToolFile({}, Counter(), [])
    video = ToolVideo(
        actions,
        rate=1000.,
        duration=duration / 1000 if 0 < duration < math.inf else None,
        fps=fps if 0 < fps < math.inf else None,
        file=file,
        where=repr(path))
    found.add(video_id_of(file), video.in_seconds())
    return found
