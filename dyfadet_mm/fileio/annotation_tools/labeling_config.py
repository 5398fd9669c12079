"""Labelling configs of Label Studio, which tell how it counts frames."""
import math
from typing import Any, Dict, NamedTuple, Optional, Set

from ..messages import brief
from ..video_entries import to_number
from .xml_files import parse_xml

DEFAULT_RATE = 24.


class LabelingConfig(NamedTuple):
    """What a labelling config says of its timeline labels.

    Attributes:
        name (str): What it is called in messages.
        rate (str): ``frameRate``: a number, or ``'$key'`` of the task data.
        labels (set[str], optional): Labels; None if tasks bring their own.
    """
    name: str
    rate: str
    labels: Optional[Set[str]] = None

    def rate_of(self, data: Dict[str, Any]) -> float:
        """Frames per second that Label Studio has used for a task.

        Args:
            data (dict): ``data`` of the task.

        Returns:
            float: The rate. As in Label Studio, what is no number is 24, and
            a number below 1 is the time of a frame.
        """
        value = self.rate
        if value.startswith('$'):
            value = data.get(value[1:])
        rate = to_number(value)
        if not 0 < rate < math.inf:
            return DEFAULT_RATE
        return 1 / rate if rate < 1 else rate


def read_labeling_config(path: str) -> LabelingConfig:
    """Read the labelling config of a project.

    Args:
        path (str): XML file, as the labelling interface of the project has
            it under *Code*.

    Returns:
        LabelingConfig: What it says.

    Raises:
        FileNotFoundError, UnreadableFileError: If it cannot be read.
        ValueError: If it is not XML, or has no ``TimelineLabels`` of a
            ``Video``.
    """
    root = parse_xml(path, 'labelling config', 'View')
    timelines = list(root.iter('TimelineLabels'))
    videos = {each.get('name'): each for each in root.iter('Video')}
    targets = {each.get('toName') for each in timelines}
    if len(targets) != 1 or not targets <= set(videos):
        raise ValueError(
            f'labelling config {path!r} must have <TimelineLabels> for one '
            f'<Video>, but got {len(timelines)} for {brief(sorted(videos))}')
    video = videos[targets.pop()]
    rate = {key.lower(): value for key, value in video.items()}
    labels: Optional[Set[str]] = set()
    for timeline in timelines:
        for label in timeline.iter('Label'):
            labels |= {label.get('value', ''), label.get('alias', '')}
        if timeline.get('value', '').startswith('$'):
            labels = None
            break
    return LabelingConfig(
        repr(path), rate.get('framerate', str(DEFAULT_RATE)), labels)
