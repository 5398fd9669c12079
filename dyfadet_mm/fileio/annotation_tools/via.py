"""Projects of the VGG Image Annotator (VIA) 3, with temporal segments.

.. code-block:: none

    {"project": {"vid_list": ["1"], ...}, "config": {...},
     "attribute": {"1": {"aname": "action", "anchor_id": "FILE1_Z2_XY0",
                         "type": 4, "options": {"0": "pour"}, ...}},
     "file": {"1": {"fid": 1, "fname": "kitchen_07.mp4", "type": 4,
                    "loc": 1, "src": ""}},
     "view": {"1": {"fid_list": [1]}},
     "metadata": {"1_a": {"vid": "1", "flg": 0, "z": [1.5, 4.0],
                          "xy": [], "av": {"1": "0"}}}}

Times are seconds.
"""
from collections import Counter
from typing import Any, Dict, List, Optional, Sequence
from urllib.parse import quote

from ..atomic import save_json
from ..messages import MissingFieldError, brief
from ..reading import read_bytes
from ..strict_json import load_json_strict
from .records import (Action, ToolFile, ToolVideo, file_name_of, make_action,
                      video_id_of)

SEGMENT = 'FILE1_Z2_XY0'  # the anchor of attributes of temporal segments
TEXT, CHECKBOX, RADIO, SELECT = 1, 2, 3, 4
LOCAL, ADDRESS, VIDEO = 1, 2, 4
PARTS = ('attribute', 'file', 'view', 'metadata')


def read_via(path: str, attribute: Optional[str] = None) -> ToolFile:
    """Read a project.

    Args:
        path (str): JSON file of a project of VIA 3.
        attribute (str, optional): Name of the attribute that holds the
            label. Defaults to None, for a project with one attribute of
            temporal segments.

    Returns:
        ToolFile: Videos, in seconds.

    Raises:
        KeyError: If a field is missing.
        TypeError: If one is of the wrong kind.
        ValueError: If a value is out of range.
    """
    project = load_json_strict(
        read_bytes(path, 'VIA file', 'give the path of one'),
        f'VIA file {path!r}')
    for part in PARTS:
        value = project.get(part) if isinstance(project, dict) else None
        if not isinstance(value, dict) or not all(
                isinstance(each, dict) for each in value.values()):
            raise TypeError(
                f'VIA file {path!r} must be a project of VIA 3, with an '
                f'object of objects {part!r}, but got {brief(value)}')
    key = _choose_attribute(path, project['attribute'], attribute)
    found = ToolFile({}, Counter(), [])
    videos = {
        view_id: _read_view(path, view_id, view, project['file'])
        for view_id, view in project['view'].items()
    }
    for segment_id, segment in project['metadata'].items():
        where = f'{path!r}, metadata {brief(segment_id)}'
        if not _is_segment(segment):
            found.dropped['regions that are no temporal segments'] += 1
            continue
        view_id = str(segment.get('vid'))
        if view_id not in videos:
            raise ValueError(f"{where}: 'vid' must be one of the views "
                             f'{brief(list(videos))}, but got '
                             f'{brief(segment.get("vid"))}')
        videos[view_id].actions.extend(
            make_action(where, *segment['z'], label)
            for label in _labels_of(where, segment, key, project['attribute']))
    for video in videos.values():
        found.add(video_id_of(video.file), video)
    return found


def _choose_attribute(path: str, attributes: Dict[str, dict],
                      name: Optional[str]) -> str:
    """Key of the attribute that holds the label."""
    names = {
        key: each.get('aname')
        for key, each in attributes.items() if each.get('anchor_id') == SEGMENT
    }
    chosen = [key for key in names if name in (None, names[key])]
    if len(chosen) != 1:
        raise ValueError(
            f'VIA file {path!r} must have one attribute of temporal segments '
            f'({SEGMENT}) that holds the label, but got '
            f'{brief(list(names.values()))}; name it with --attribute')
    return chosen[0]


def _read_view(path: str, view_id: str, view: dict,
               files: Dict[str, dict]) -> ToolVideo:
    """The video of a view, still without actions."""
    where = f'{path!r}, view {brief(view_id)}'
    numbers = view.get('fid_list')
    if not isinstance(numbers, list) or len(numbers) != 1 or str(
            numbers[0]) not in files:
        raise ValueError(f"{where}: 'fid_list' must name one of the files "
                         f'{brief(list(files))}, but got {brief(numbers)}')
    file = files[str(numbers[0])]
    name = file.get('fname') or file.get('src')
    if not isinstance(name, str):
        raise MissingFieldError(f"{where}: its file must have 'fname', but "
                                f'got {brief(file)}')
    return ToolVideo([], file=name, where=where)


def _is_segment(segment: dict) -> bool:
    """Whether an entry is a stretch of time, and no region or marker."""
    z = segment.get('z')
    return isinstance(z, list) and len(z) == 2 and not segment.get('xy')


def _labels_of(where: str, segment: dict, key: str,
               attributes: Dict[str, dict]) -> List[Any]:
    """Labels of a segment: several from a checkbox, else one."""
    values = segment.get('av')
    value = values.get(key) if isinstance(values, dict) else None
    if not isinstance(value, str) or not value:
        raise MissingFieldError(
            f"{where}: 'av' must have the label, {key!r}, but got "
            f'{brief(values)}; label the segment, or remove it')
    kind = attributes[key].get('type')
    if kind == TEXT:
        return [value]
    options = attributes[key].get('options')
    chosen = value.split(',') if kind == CHECKBOX else [value]
    for each in chosen:
        if not isinstance(options, dict) or each not in options:
            raise ValueError(f'{where}: label must be one of the options '
                             f'{brief(options)}, but got {brief(each)}')
    return [options[each] for each in chosen]


def write_via(path: str,
              videos: Dict[str, ToolVideo],
              classes: Sequence[str],
              url: str = '') -> List[str]:
    """Write a project.

    Args:
        path (str): JSON file to write.
        videos (dict[str, ToolVideo]): By id, in seconds.
        classes (Sequence[str]): Names of the labels.
        url (str): What stands before the names of the video files. Defaults
            to '', where VIA asks for the files.

    Returns:
        list[str]: The file.
    """
    options = {str(number): name for number, name in enumerate(classes)}
    numbers = {name: number for number, name in options.items()}
    attribute = dict(
        aname='action',
        anchor_id=SEGMENT,
        type=SELECT,
        desc='Class of the action',
        options=options,
        default_option_id='')
    files, metadata = {}, {}
    for view_id, (video_id, video) in enumerate(videos.items(), 1):
        files[str(view_id)] = dict(
            fid=view_id,
            fname=file_name_of(video_id, video),
            type=VIDEO,
            loc=ADDRESS if url else LOCAL,
            src=url + quote(video.file) if url else '')
        for index, action in enumerate(video.actions):
            metadata[f'{view_id}_{index}'] = _make_segment(
                view_id, action, numbers)
    save_json(
        path,
        dict(
            project=_make_header(files),
            config=dict(
                file=dict(loc_prefix={str(n): ''
                                      for n in range(1, 5)}),
                ui=dict(file_content_align='center')),
            attribute={'1': attribute},
            file=files,
            view={key: dict(fid_list=[int(key)])
                  for key in files},
            metadata=metadata),
        allow_nan=False)
    return [path]


def _make_segment(view_id: int, action: Action, numbers: Dict[str,
                                                              str]) -> dict:
    """One segment of a project."""
    return dict(
        vid=str(view_id),
        flg=0,
        z=list(action[:2]),
        xy=[],
        av={'1': numbers[action.label]})


def _make_header(files: Dict[str, dict]) -> dict:
    """What VIA wants to know of a project; it sets ids and dates itself."""
    return dict(
        pid='__VIA_PROJECT_ID__',
        rev='__VIA_PROJECT_REV_ID__',
        rev_timestamp='__VIA_PROJECT_REV_TIMESTAMP__',
        pname='dyfadet_mm',
        creator='dyfadet_mm',
        created=0,
        data_format_version='3.1.1',
        vid_list=list(files))
