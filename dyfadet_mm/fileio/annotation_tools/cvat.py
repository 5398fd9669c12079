"""Files "CVAT for video 1.1", with an action as a track.

CVAT has no temporal segments. A track of one box over the whole frame stands
for an action: the box is ``outside="0"`` from the first frame of the action
on, and ``outside="1"`` from the first frame after it. Frames are those of the
video file, counted from 0, so that the file alone does not tell the seconds.
"""
import os.path as osp
from collections import Counter
from typing import Dict, Iterator, List, Optional, Sequence, Tuple
from xml.etree import ElementTree

from ..atomic import atomic_path
from ..messages import MissingFieldError, brief, cut
from ..video_entries import to_number
from .records import (Action, ToolFile, ToolVideo, file_name_of, frames_of,
                      make_action, video_id_of)
from .xml_files import check_xml_text, parse_xml, save_xml

# of the box of a video whose size is not known; it may be too large
DEFAULT_SIZE = (1920, 1080)


def read_cvat(path: str) -> ToolFile:
    """Read what was exported as "CVAT for video 1.1".

    A track that is visible several times is as many actions. One that is
    never ``outside`` again ends with the video.

    Args:
        path (str): XML file of a task, a job or a project.

    Returns:
        ToolFile: Videos, in frames of the video files.

    Raises:
        KeyError: If an attribute is missing.
        ValueError: If the file is of another kind, a label is not among
            those of the task, or a value is out of range.
    """
    root = parse_xml(path, 'CVAT file', 'annotations')
    if root.find('image') is not None:
        raise ValueError(
            f'CVAT file {path!r} must have tracks, but has images; export the '
            'task as "CVAT for video 1.1"')
    tasks = _read_tasks(path, root)
    labels = {each.text for each in root.iterfind('meta//label/name')}
    for number, track in enumerate(root.iterfind('track')):
        where = f'{path!r}, track {brief(track.get("id", number))}'
        task = _task_of(where, track, tasks)
        label = _attribute(where, track, 'label')
        if labels and label not in labels:
            raise ValueError(f'{where}: label must be one of the '
                             f'{len(labels)} of the task, but got '
                             f'{brief(label)}')
        task.actions.extend(_actions_of(where, track, label, task.num_frames))
    found = ToolFile({}, Counter(), [])
    for task in tasks.values():
        found.add(video_id_of(task.file), task)
    return found


def _read_tasks(path: str, root: ElementTree.Element) -> Dict[str, ToolVideo]:
    """Videos of a file, by the ids of their tasks."""
    metas = [
        each for kind in ('task', 'job')
        for each in root.iterfind(f'meta//{kind}')
    ]
    if not metas:
        return {'': ToolVideo([], None, file=osp.basename(path), where=path)}
    return {
        meta.findtext('id') or str(number):
        ToolVideo([],
                  rate=None,
                  num_frames=_num_frames(meta),
                  file=_file_of(path, meta),
                  where=f'{path!r}, task {brief(meta.findtext("id"))}')
        for number, meta in enumerate(metas)
    }


def _file_of(path: str, meta: ElementTree.Element) -> str:
    """Name of the video file of a task."""
    names = meta.findtext('source'), meta.findtext('name')
    stem = osp.splitext(osp.basename(path))[0]
    return next((name for name in names if name), stem)


def _num_frames(meta: ElementTree.Element) -> Optional[int]:
    """Frames up to the last one of a task, where the file says."""
    last = to_number(meta.findtext('stop_frame') or '')
    size = to_number(meta.findtext('size') or '')
    if last >= 0:
        return int(last) + 1
    return int(size) if size > 0 else None


def _task_of(where: str, track: ElementTree.Element,
             tasks: Dict[str, ToolVideo]) -> ToolVideo:
    """The video of a track."""
    if len(tasks) == 1:
        return next(iter(tasks.values()))
    task_id = _attribute(where, track, 'task_id')
    if task_id not in tasks:
        raise ValueError(f'{where}: task_id must be one of '
                         f'{brief(list(tasks))}, but got {brief(task_id)}')
    return tasks[task_id]


def _attribute(where: str, element: ElementTree.Element, name: str) -> str:
    """An attribute that must be there."""
    value = element.get(name)
    if value is None:
        raise MissingFieldError(
            f'{cut(where)} must have the attribute {name!r}, but got '
            f'{brief(dict(element.items()))}')
    return value


def _actions_of(where: str, track: ElementTree.Element, label: str,
                num_frames: Optional[int]) -> Iterator[Action]:
    """The stretches in which a track is visible."""
    shapes = sorted(_shapes_of(where, track))
    start = None
    for frame, outside in shapes:
        if outside and start is not None:
            yield make_action(where, start, frame, label, 'frames')
            start = None
        elif not outside and start is None:
            start = frame
    if start is not None:
        end = max(num_frames or 0, shapes[-1][0] + 1)
        yield make_action(where, start, end, label, 'frames')


def _shapes_of(where: str,
               track: ElementTree.Element) -> Iterator[Tuple[int, bool]]:
    """Frame of every shape of a track, and whether it is outside there."""
    for shape in track:
        frame = _attribute(where, shape, 'frame')
        outside = _attribute(where, shape, 'outside')
        if not (frame.isascii() and frame.isdigit() and len(frame) < 16):
            raise ValueError(f'{cut(where)}: frame must be a whole number, 0 '
                             f'or more, but got {brief(frame)}')
        if outside not in ('0', '1'):
            raise ValueError(f"{cut(where)}: outside must be '0' or '1', but "
                             f'got {brief(outside)}')
        yield int(frame), outside == '1'


def write_cvat(path: str, video_id: str, video: ToolVideo,
               classes: Sequence[str]) -> List[str]:
    """Write a video to be uploaded as annotations of its task.

    Args:
        path (str): XML file to write.
        video_id (str): Id of the video.
        video (ToolVideo): In seconds, with ``fps`` and ``duration``.
        classes (Sequence[str]): Names of the labels.

    Returns:
        list[str]: The file.

    Raises:
        ValueError: If a name cannot be in XML.
    """
    check_xml_text(classes, 'labels')
    source = file_name_of(video_id, video)
    check_xml_text([source], 'names of video files')
    num_frames = frames_of(Action(0, video.duration, ''), video.fps)[1]
    size = [str(pixels) for pixels in video.size or DEFAULT_SIZE]
    root = ElementTree.Element('annotations')
    ElementTree.SubElement(root, 'version').text = '1.1'
    meta = ElementTree.SubElement(root, 'meta')
    task = ElementTree.SubElement(meta, 'task')
    for name, value in dict(
            name=video_id,
            size=num_frames,
            mode='interpolation',
            start_frame=0,
            stop_frame=num_frames - 1).items():
        ElementTree.SubElement(task, name).text = str(value)
    labels = ElementTree.SubElement(task, 'labels')
    for name in classes:
        label = ElementTree.SubElement(labels, 'label')
        ElementTree.SubElement(label, 'name').text = name
    original = ElementTree.SubElement(task, 'original_size')
    for name, pixels in zip(('width', 'height'), size):
        ElementTree.SubElement(original, name).text = pixels
    ElementTree.SubElement(task, 'source').text = source
    for index, action in enumerate(video.actions):
        track = _add_track(root, index, action)
        # no frame of a task is behind its last one
        start, end = frames_of(action, video.fps)
        _add_box(track, min(start, num_frames - 1), '0', size)
        if end < num_frames:
            _add_box(track, end, '1', size)
    with atomic_path(path) as part:
        save_xml(part, root)
    return [path]


def _add_track(root: ElementTree.Element, index: int,
               action: Action) -> ElementTree.Element:
    """Add an action as a track, still without boxes."""
    source = 'manual' if action.score is None else 'auto'
    return ElementTree.SubElement(
        root, 'track', id=str(index), label=action.label, source=source)


def _add_box(track: ElementTree.Element, frame: int, outside: str,
             size: Sequence[str]) -> None:
    """Add the box over the whole frame."""
    ElementTree.SubElement(
        track,
        'box',
        frame=str(frame),
        outside=outside,
        occluded='0',
        keyframe='1',
        xtl='0',
        ytl='0',
        xbr=size[0],
        ybr=size[1],
        z_order='0')
