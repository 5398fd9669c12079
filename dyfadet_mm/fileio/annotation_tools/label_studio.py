"""Tasks of Label Studio with TimelineLabels.

.. code-block:: none

    [{"data": {"video": "/data/upload/1/0a1b2c3d-kitchen_07.mp4"},
      "annotations": [{"result": [
          {"id": "a", "type": "timelinelabels",
           "from_name": "videoLabels", "to_name": "video",
           "value": {"ranges": [{"start": 36, "end": 96}],
                     "timelinelabels": ["pour"]}}]}],
      "predictions": [{"model_version": "dyfadet_mm", "score": 0.9,
                       "result": [...]}]}]

A frame is a time multiplied by the ``frameRate`` of the labelling config, and
rounded; without that attribute the rate is 24, whatever the video has. So the
file alone does not tell the seconds.
"""
import json
import os.path as osp
from collections import Counter
from typing import Any, Dict, List, Optional, Sequence, Tuple
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np

from ..atomic import atomic_path
from ..messages import MissingFieldError, brief
from ..reading import read_bytes
from ..strict_json import load_json_strict
from ..video_entries import to_number
from .labeling_config import DEFAULT_RATE, LabelingConfig, read_labeling_config
from .records import (Action, ToolFile, ToolVideo, frames_of, make_action,
                      video_id_of)
from .xml_files import check_xml_text, save_xml

REGION = 'timelinelabels'
# where Label Studio serves files of a folder, if that is switched on
LOCAL_FILES = '/data/local-files/?d='
#: Which annotation of a task counts, of those that are not cancelled.
CHOICES = dict(last=-1, first=0)


def read_label_studio(path: str,
                      labeling_config: Optional[str] = None,
                      frame_rate: Optional[float] = None,
                      annotation: str = 'last') -> ToolFile:
    """Read what was exported as JSON.

    Args:
        path (str): JSON file, not of the kind JSON-MIN.
        labeling_config (str, optional): Labelling config (XML), which has the
            frame rate. Defaults to None.
        frame_rate (float, optional): Frame rate of the labelling config,
            where that is not at hand. Defaults to None.
        annotation (str): ``'last'`` or ``'first'`` of the annotations of a
            task that are not cancelled. Defaults to ``'last'``.

    Returns:
        ToolFile: Videos, in frames. A task without annotation is a video
        without actions.

    Raises:
        KeyError: If a field is missing, or the frame rate is not known.
        TypeError: If one is of the wrong kind.
        ValueError: If a value is out of range, or the file is of another
            kind.
    """
    tasks = load_json_strict(
        read_bytes(path, 'Label Studio file', 'give the path of one'),
        f'Label Studio file {path!r}')
    if not isinstance(tasks, list) or not all(
            isinstance(task, dict) for task in tasks):
        raise TypeError(f'Label Studio file {path!r} must be a list of tasks, '
                        f'but got {type(tasks).__name__}; export as JSON')
    config = _choose_config(path, labeling_config, frame_rate)
    found = ToolFile({}, Counter(), [])
    counts: Counter = Counter()
    for index, task in enumerate(tasks):
        where = f'{path!r}, task {brief(task.get("id", index + 1))}'
        video_id, video = _read_task(where, task, config, annotation, counts,
                                     found.dropped)
        found.add(video_id, video)
    _refuse_other_regions(path, found, counts)
    found.notes.extend(_notes(config, frame_rate, found, counts, annotation))
    return found


def _choose_config(path: str, labeling_config: Optional[str],
                   frame_rate: Optional[float]) -> LabelingConfig:
    """What tells the frame rate; nothing is guessed."""
    if frame_rate is not None:
        config = LabelingConfig('--frame-rate', str(frame_rate))
        if labeling_config is not None:
            config = config._replace(
                labels=read_labeling_config(labeling_config).labels)
        return config
    if labeling_config is None:
        raise MissingFieldError(
            f'{path!r}: the frame rate of Label Studio must be known, since '
            'frames are counted by the frameRate of the labelling config, 24 '
            'unless set, whatever the videos have; give the config with '
            '--labeling-config, or the number with --frame-rate')
    return read_labeling_config(labeling_config)


def _read_task(where: str, task: dict, config: LabelingConfig, annotation: str,
               counts: Counter, dropped: Counter) -> Tuple[str, ToolVideo]:
    """Read one task: the id of its video, and the video."""
    if 'data' not in task:
        raise MissingFieldError(
            f"{where} must have 'data', but got the keys "
            f'{brief(sorted(task))}; export as JSON, not as JSON-MIN or CSV')
    data = task['data']
    if not isinstance(data, dict):
        raise TypeError(f"{where}: 'data' must be an object, but got "
                        f'{brief(data)}')
    file = next((value for key, value in data.items()
                 if key in ('video', 'video_url') and isinstance(value, str)),
                None)
    if file is None:
        raise MissingFieldError(
            f"{where}: 'data' must have 'video', an address, but got the keys "
            f'{brief(sorted(data))}')
    video_id = data.get('video_id', video_id_of(file))
    if not isinstance(video_id, str):
        raise TypeError(
            f'{where}: video_id must be text, but got {brief(video_id)}')
    known = {
        key: value
        for key, value in ((key, to_number(data.get(key)))
                           for key in ('duration', 'fps'))
        if 0 < value < np.inf
    }
    subset = data.get('subset')
    actions = [
        action for region in _chosen_result(where, task, annotation, counts)
        for action in _read_region(where, region, config, counts, dropped)
    ]
    return video_id, ToolVideo(
        actions,
        rate=config.rate_of(data),
        subset=subset if isinstance(subset, str) else None,
        file=file,
        where=where,
        **known)


def _chosen_result(where: str, task: dict, annotation: str,
                   counts: Counter) -> list:
    """Regions of the annotation that counts."""
    items = task.get('annotations', task.get('completions')) or []
    if not isinstance(items, list) or not all(
            isinstance(item, dict) for item in items):
        raise TypeError(f"{where}: 'annotations' must be a list of objects, "
                        f'but got {brief(items)}')
    items = [item for item in items if not item.get('was_cancelled')]
    counts['unlabelled'] += not items
    counts['several'] += len(items) > 1
    if not items:
        return []
    result = items[CHOICES[annotation]].get('result')
    if not isinstance(result, list) or not all(
            isinstance(region, dict) for region in result):
        raise TypeError(f"{where}: 'result' of the annotation must be a list "
                        f'of regions, but got {brief(result)}')
    return result


def _read_region(where: str, region: dict, config: LabelingConfig,
                 counts: Counter, dropped: Counter) -> List[Action]:
    """Actions of a region, one for each of its labels and ranges."""
    where = f'{where}, region {brief(region.get("id"))}'
    value = region.get('value')
    if not isinstance(value, dict) or 'ranges' not in value:
        kind = str(region.get('type'))
        counts[f'other {kind}'] += 1
        dropped[f'regions that are no timeline labels, but {brief(kind)}'] += 1
        return []
    counts['timeline'] += 1
    labels, ranges = value.get(REGION), value['ranges']
    if not isinstance(labels, list) or not labels:
        raise ValueError(f'{where} must have {REGION!r}, a list of labels, '
                         f'but got {brief(labels)}; label it, or remove it')
    if not isinstance(ranges, list) or not all(
            isinstance(each, dict) and {'start', 'end'} <= set(each)
            for each in ranges):
        raise ValueError(f"{where}: 'ranges' must be a list of objects with "
                         f"'start' and 'end', but got {brief(ranges)}")
    for label in labels:
        if config.labels is not None and label not in config.labels:
            raise ValueError(
                f'{where}: label must be one of the {len(config.labels)} of '
                f'the labelling config, but got {brief(label)}; give the '
                'config of this project')
    return [
        make_action(where, each['start'], each['end'], label, 'frames')
        for each in ranges for label in labels
    ]


def _refuse_other_regions(path: str, found: ToolFile, counts: Counter) -> None:
    """Refuse a project in which something else was labelled."""
    others = [key[6:] for key in counts if key.startswith('other ')]
    if others and not counts['timeline']:
        raise ValueError(
            f'{path!r} must have regions of the kind {REGION!r}, but got only '
            f'{brief(sorted(others))}; label videos with <TimelineLabels>')


def _notes(config: LabelingConfig, frame_rate: Optional[float],
           found: ToolFile, counts: Counter, annotation: str) -> List[str]:
    """What was assumed."""
    rates = sorted({video.rate for video in found.videos.values()})
    shown = ', '.join(f'{rate:g}' for rate in rates[:5])
    unset = frame_rate is None and config.rate == str(DEFAULT_RATE)
    notes = [
        f'times are frames / {shown}, the frame rate of {config.name}'
        f'{", the default of Label Studio" if unset else ""}: right if the '
        'labels were made with it, whatever the videos have; otherwise all '
        'times are wrong by one factor'
    ]
    if counts['unlabelled']:
        notes.append(
            f'{counts["unlabelled"]} tasks have no annotation: their videos '
            'are kept as videos without actions (leave them out by --exclude)')
    if counts['several']:
        notes.append(f'{counts["several"]} tasks have several annotations: '
                     f'the {annotation} one that is not cancelled is used')
    return notes


def write_label_studio(path: str,
                       videos: Dict[str, ToolVideo],
                       classes: Sequence[str],
                       url: str = LOCAL_FILES) -> List[str]:
    """Write a list of tasks to import, and the labelling config beside it.

    Actions with scores become predictions, others annotations.

    Args:
        path (str): JSON file to write; the config has the same name and
            ``.xml``.
        videos (dict[str, ToolVideo]): By id, in seconds, with ``fps``.
        classes (Sequence[str]): Names of the labels.
        url (str): What stands before the names of the video files. Defaults
            to the address of Label Studio's local files.

    Returns:
        list[str]: The two files.

    Raises:
        ValueError: If a label cannot be in XML.
    """
    check_xml_text(classes, 'labels')
    rates = {video.fps for video in videos.values()}
    tasks = [
        _make_task(video_id, video, url) for video_id, video in videos.items()
    ]
    view = ElementTree.Element('View')
    timeline = ElementTree.SubElement(
        view, 'TimelineLabels', name='videoLabels', toName='video')
    for name in classes:
        ElementTree.SubElement(timeline, 'Label', value=name)
    rate = repr(float(rates.pop())) if len(rates) == 1 else '$fps'
    ElementTree.SubElement(
        view, 'Video', name='video', value='$video', frameRate=rate)
    config = osp.splitext(path)[0] + '.xml'
    with atomic_path(path) as part, atomic_path(config) as other:
        with open(part, 'w', encoding='utf-8') as file:
            json.dump(tasks, file, indent=1, allow_nan=False)
        save_xml(other, view)
    return [path, config]


def _make_task(video_id: str, video: ToolVideo, url: str) -> dict:
    """One task."""
    result = [
        _make_region(f'{index}', action, video.fps)
        for index, action in enumerate(video.actions)
    ]
    data = dict(
        video=url + quote(video.file), video_id=video_id, fps=video.fps)
    for key in ('duration', 'subset'):
        if getattr(video, key) is not None:
            data[key] = getattr(video, key)
    scores = [a.score for a in video.actions if a.score is not None]
    task: Dict[str, Any] = dict(data=data, annotations=[], predictions=[])
    if scores:
        task['predictions'].append(
            dict(
                model_version='dyfadet_mm',
                score=float(np.mean(scores)),
                result=result))
    elif result:
        task['annotations'].append(dict(result=result))
    return task


def _make_region(name: str, action: Action, fps: float) -> dict:
    """One region of a task."""
    start, end = frames_of(action, fps)
    region = dict(
        id=name,
        type=REGION,
        from_name='videoLabels',
        to_name='video',
        value={
            'ranges': [dict(start=start, end=end)],
            REGION: [action.label]
        })
    if action.score is not None:
        region['score'] = action.score
    return region
