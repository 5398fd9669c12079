"""What annotation tools know of videos, whatever their files look like."""
import math
import os.path as osp
import re
from collections import Counter
from typing import Any, Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import parse_qs, unquote, urlsplit

from ..annotations import check_video_id
from ..messages import MissingFieldError, brief, cut
from ..video_entries import to_number
from ..video_files import VIDEO_SUFFIXES


class Action(NamedTuple):
    """An action as a tool has it.

    Attributes:
        start (float): In seconds, or in frames, see :class:`ToolVideo`.
        end (float): Likewise.
        label (str): Name of the class.
        score (float, optional): Score of a detection.
        where (str): File and place in it, for messages.
    """
    start: float
    end: float
    label: str
    score: Optional[float] = None
    where: str = ''


class ToolVideo(NamedTuple):
    """A video as a tool has it.

    Attributes:
        actions (list[Action]): In the order of the file.
        rate (float, optional): What times are divided by to get seconds: 1
            where they are seconds, the frame rate of the tool where they are
            frames, None where they are frames of the video file.
        duration (float, optional): Seconds, where the file says.
        num_frames (int, optional): Frames of the video, where the file says.
        fps (float, optional): Frames per second of the video, likewise.
        subset (str, optional): Name of the subset, likewise.
        file (str): Name or address of the video. Defaults to '', unknown.
        size (tuple[int, int], optional): Width and height in pixels.
        where (str): File and place in it, for messages.
    """
    actions: List[Action]
    rate: Optional[float] = 1.
    duration: Optional[float] = None
    num_frames: Optional[int] = None
    fps: Optional[float] = None
    subset: Optional[str] = None
    file: str = ''
    size: Optional[Tuple[int, int]] = None
    where: str = ''

    def in_seconds(self, fps: Optional[float] = None) -> 'ToolVideo':
        """Convert times to seconds.

        Args:
            fps (float, optional): Frames per second of the video. Defaults
                to None, that of the file.

        Returns:
            ToolVideo: The same with ``rate=1``.

        Raises:
            KeyError: If times are frames and no rate is known.
        """
        rate = self.rate or fps or self.fps
        if rate is None:
            raise MissingFieldError(
                f'{self.where}: frames per second must be known, since times '
                'are frames; give --videos, or --fps')
        duration = self.duration
        if duration is None and self.num_frames and self.rate is None:
            duration = self.num_frames / rate
        actions = [
            each._replace(start=each.start / rate, end=each.end / rate)
            for each in self.actions
        ]
        return self._replace(actions=actions, rate=1., duration=duration)


class ToolFile(NamedTuple):
    """What a reader has found.

    Attributes:
        videos (dict[str, ToolVideo]): By video id, in the order of the file.
        dropped (Counter): What was left out, by reason.
        notes (list[str]): What the user should know.
    """
    videos: Dict[str, ToolVideo]
    dropped: Counter
    notes: List[str]

    def add(self, video_id: str, video: ToolVideo) -> None:
        """Add a video.

        Args:
            video_id (str): Its id.
            video (ToolVideo): What the file says of it.

        Raises:
            ValueError: If it is there already, or the id is no plain name.
        """
        check_video_id(video_id, f'of {video.where}')
        if video_id in self.videos:
            raise ValueError(
                f'{video.where}: video {brief(video_id)} must be there once, '
                f'but is at {self.videos[video_id].where} too; remove one')
        self.videos[video_id] = video


def make_action(where: str,
                start: Any,
                end: Any,
                label: Any,
                unit: str = 'seconds') -> Action:
    """Check an action of a file.

    Args:
        where (str): File and place in it, for messages.
        start (Any): What the file has as its start.
        end (Any): And as its end.
        label (Any): And as its label.
        unit (str): Of the times. Defaults to ``'seconds'``.

    Returns:
        Action: The action.

    Raises:
        TypeError: If the label is no text.
        ValueError: If it is empty, or a time is no finite number, negative,
            or they are reversed.
    """
    times = []
    for name, value in dict(start=start, end=end).items():
        number = to_number(value)
        if not (math.isfinite(number) and number >= 0):
            raise ValueError(f'{cut(where)}: {name} must be a number of '
                             f'{unit}, 0 or more, but got {brief(value)}')
        times.append(number)
    if times[1] < times[0]:
        raise ValueError(
            f'{cut(where)}: an action must not end before it starts, but got '
            f'{times[0]:g} to {times[1]:g} {unit}; correct it')
    if not isinstance(label, str):
        raise TypeError(
            f'{cut(where)}: label must be text, but got {brief(label)}')
    if not label.strip():
        raise ValueError(f'{cut(where)}: label must not be empty; give the '
                         'action a label, or remove it')
    return Action(*times, label, where=where)


def frames_of(action: Action, rate: float) -> Tuple[int, int]:
    """Whole frames of an action, of which there is at least one.

    Args:
        action (Action): In seconds.
        rate (float): Frames per second.

    Returns:
        tuple[int, int]: First frame, and the first one after the action.
    """
    start, end = (math.floor(t * rate + 0.5) for t in action[:2])
    return start, max(end, start + 1)


def file_name_of(video_id: str, video: ToolVideo) -> str:
    """Name of a video file that :func:`video_id_of` makes the id of.

    Args:
        video_id (str): The id.
        video (ToolVideo): The video, of which the suffix is used.

    Returns:
        str: The id and a suffix.
    """
    suffix = osp.splitext(video.file)[1]
    return video_id + (suffix if suffix.lower() in VIDEO_SUFFIXES else '.mp4')


def video_id_of(name: str) -> str:
    """Video id of the name or address of a video.

    Args:
        name (str): A file name; a path, of which folders count if it is
            relative; or an address, of which the last part counts.

    Returns:
        str: Without the suffix of a video file.

    Examples:
        >>> [video_id_of(each) for each in ('a.mp4', './b/a.mov', '/b/a')]
        ['a', 'b/a', 'a']
        >>> video_id_of('/data/local-files/?d=b/a%201.mp4')
        'b/a 1'
        >>> video_id_of('/data/upload/7/0a1b2c3d-a.mp4')
        'a'
    """
    parts = urlsplit(name) if re.match(r'[a-z0-9+]+://|/data/', name) else None
    if parts is not None:  # an address, or how Label Studio serves a file
        local = parse_qs(parts.query).get('d')
        name = local[0].lstrip('/') if local else unquote(
            parts.path.split('/')[-1])
        if '/data/upload/' in parts.path:
            name = re.sub('^[0-9a-f]{8}-', '', name)
    elif re.match(r'/|[A-Za-z]:[\\/]', name):
        name = re.split(r'[\\/]', name)[-1]
    name = re.sub(r'^(\./)+', '', name)
    stem, suffix = osp.splitext(name)
    return stem if suffix.lower() in VIDEO_SUFFIXES else name
