"""Files of predictions in the layout of ActivityNet.

.. code-block:: none

    {"version": "dyfadet_mm predictions 1",
     "results": {
        "video_test_0000004": [
            {"label": "CricketBowling",
             "segment": [0.2, 1.1],        # seconds
             "score": 0.93}]},
     "external_data": {}}
"""
import math
import os
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from dyfadet_mm.fileio import (brief, check_writable, class_name, cut,
                               extend_classes, label_name, load_json_strict,
                               naming, read_bytes, save_json, to_number)
from .functional.checks import check_finite
from .functional.inputs import read_video

VERSION = 'dyfadet_mm predictions 1'
# how a file of ours begins; nothing else is ever replaced
HEAD = '{"version": "dyfadet_mm predictions'
# class names shown in a message
NUM_NAMED = 20


def check_out_file(path: str) -> None:
    """Refuse a path whose file is not ours to replace.

    Args:
        path (str): Where predictions are to be written.

    Raises:
        FileExistsError: If something else than a predictions file written by
            this package is there.
        WriteError: If no file can be written there.
    """
    if not os.path.isdir(path):
        check_writable(path, 'out_file')
    if not os.path.exists(path):
        return
    head = b''
    if os.path.isfile(path):
        with open(path, 'rb') as file:
            head = file.read(len(HEAD))
    if head != HEAD.encode():
        raise FileExistsError(
            'out_file must be new or a predictions file written by '
            f'dyfadet_mm, but got {path!r}; move it or choose another name')


def save_predictions(path: str,
                     predictions: Dict[str, dict],
                     classes: Optional[Sequence[str]] = None) -> None:
    """Write detections in the layout shown above.

    The file appears complete or not at all; numbers keep the precision they
    have.

    Args:
        path (str): File to write; missing folders are made.
        predictions (dict): ``predictions[video_id] = dict(segments, scores,
            labels)``, arrays with segments in seconds.
        classes (Sequence[str], optional): Names in label order.
            Defaults to None.

    Raises:
        FileExistsError: As in :func:`check_out_file`.
        WriteError: If it cannot be written, as where the disk is full.
        ValueError: If a score or segment is not finite; the video is named.
    """
    check_out_file(path)
    for video_id, video in predictions.items():
        check_finite(
            f'video {video_id!r}',
            segments=np.asarray(video['segments']),
            scores=np.asarray(video['scores']))
    results = {
        str(video_id): [
            dict(
                label=class_name(label, classes), segment=segment,
                score=score) for segment, score, label in zip(
                    _short_floats(video['segments']),
                    _short_floats(video['scores']),
                    np.asarray(video['labels']).tolist())
        ]
        for video_id, video in predictions.items()
    }
    content = dict(version=VERSION, results=results, external_data={})
    save_json(path, content)


def load_predictions(path: str,
                     classes: Sequence[str],
                     aside: Optional[List[str]] = None) -> Dict[str, dict]:
    """Read a predictions file of the ActivityNet layout.

    Args:
        path (str): JSON file with the key ``results``.
        classes (Sequence[str]): Names in label order. Labels of the file are
            looked up among them by name.
        aside (list[str], optional): Receives a message for every detection
            that cannot be scored or has another label, which is then left
            out. Defaults to None, which refuses the file.

    Returns:
        dict: ``predictions[video_id] = dict(segments, scores, labels)`` with
        segments (N, 2) in seconds, scores (N, ), labels (N, ).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON of this layout, a key is there twice, a
            number is not finite, a detection ends before it starts, or a
            label is unknown; with ``aside``, if that leaves no detection.
    """
    predictions, names = load_predictions_and_classes(path, classes, aside)
    unknown = {
        video_id: video['labels'] >= len(classes)
        for video_id, video in predictions.items()
    }
    first = next((k for k, each in unknown.items() if each.any()), None)
    if first is None:
        return predictions
    if aside is None or all(each.all() for each in unknown.values()):
        raise ValueError(
            f'predictions file {path!r}: labels of video {brief(first)} must '
            f'be among the {len(classes)} classes of the annotations, '
            f'{_first_of(classes)}, but got {_first_of(names[len(classes):])}'
            '; labels are matched by name: rename them, or give the class '
            'names of the model (--classes of eval_predictions.py)')
    for video_id, video in predictions.items():
        aside[:0] = [  # few reasons for many detections
            f'label {brief(names[label])} is not among the {len(classes)} '
            'classes of the annotations'
            for label in video['labels'][unknown[video_id]]
        ]
        for key, values in video.items():
            video[key] = values[~unknown[video_id]]
    return predictions


def load_predictions_and_classes(path: str,
                                 classes: Sequence[str] = (),
                                 aside: Optional[List[str]] = None
                                 ) -> Tuple[Dict[str, dict], Tuple[str, ...]]:
    """Read a predictions file, whatever its labels are.

    Args:
        path (str): As of :func:`load_predictions`.
        classes (Sequence[str]): Names in label order. Defaults to ().
        aside (list[str], optional): Receives a message for every detection
            that cannot be scored, which is then left out. Defaults to None,
            which refuses the file, as does a file with no other ones.

    Returns:
        tuple: As of :func:`load_predictions`, and the names in label order:
        ``classes``, then the other ones of the file, sorted.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As of :func:`load_predictions`, but for labels.
    """
    results = _read_results(path)
    with naming(f'predictions file {path!r}'):
        return _parse_results(results, classes, aside)


def _parse_results(
        results: Dict[str, Any], classes: Sequence[str],
        aside: Optional[List[str]]) -> Tuple[Dict[str, dict], Tuple[str, ...]]:
    """Convert what a file holds, see :func:`load_predictions_and_classes`."""
    found = {
        video_id: _read_detections(video_id, detections, aside)
        for video_id, detections in results.items()
    }
    if aside and not any(video['labels'] for video in found.values()):
        raise ValueError(f'{aside[0]}; none of the {len(aside)} detections '
                         'can be scored')
    others = {name for video in found.values() for name in video['labels']}
    names = extend_classes(classes, sorted(others))
    ids = {name: label for label, name in enumerate(names)}
    for video_id, video in found.items():
        video['labels'] = np.array([ids[name] for name in video['labels']],
                                   dtype=np.int64)
        read_video(video_id, video, 0, 'predictions', has_scores=True)
    return found, names


def _read_results(path: str) -> Dict[str, Any]:
    """Detections by video id, as stored in a predictions file."""
    content = read_bytes(path, 'predictions file', 'give the path of one')
    content = load_json_strict(content, f'predictions file {path!r}')
    if not isinstance(content, dict):
        content = dict(results=content)
    if 'detect_results' in content:  # of Ego4D
        content = dict(results=content['detect_results'])
    if 'results' not in content:
        hint = ('; it looks like annotations' if 'database' in content else '')
        raise ValueError(f"predictions file {path!r} must have 'results', but "
                         f'got the keys {brief(sorted(content))}{hint}')
    results = content['results']
    if not isinstance(results, dict):
        raise ValueError(
            f"predictions file {path!r} must have 'results', a dict from "
            f'video ids to lists of detections, but got {brief(results)}')
    return results


def _short_floats(values: np.ndarray) -> Any:
    """Nested list whose numbers print as short as their dtype allows."""
    values = np.asarray(values)
    return values.astype(str).astype(float).tolist()


def _first_of(names: Sequence[str]) -> str:
    """A list of names for a message, with their number if it is cut."""
    shown = cut(str(list(names[:NUM_NAMED])), 500)
    if len(names) <= NUM_NAMED:
        return shown
    return f'{shown[:-1]}, ...] ({len(names)} in all)'


def _read_detections(video_id: str,
                     detections: Any,
                     aside: Optional[List[str]] = None) -> Dict[str, Any]:
    """Convert the detections of one video; labels remain names."""
    if not isinstance(detections, list):
        raise _refusal(video_id, detections)
    segments, scores, names = [], [], []
    for index, detection in enumerate(detections):
        try:
            segment, score, name = _read_detection(video_id, index, detection)
            if aside is not None and not _can_be_scored(segment, score):
                raise ValueError('not finite, or it ends before it starts')
        except (KeyError, TypeError, ValueError) as error:
            refusal = _refusal(video_id, detection)
            if aside is None:
                raise refusal from error
            aside.append(str(refusal))
            continue
        segments.append(segment)
        scores.append(score)
        names.append(name)
    return dict(
        segments=np.array(segments).reshape(-1, 2),
        scores=np.array(scores),
        labels=names)


def _read_detection(video_id: str, index: int,
                    detection: Any) -> Tuple[Tuple[float, float], float, str]:
    """Segment, score and label of one detection."""
    if not isinstance(detection['segment'], list):
        raise TypeError(detection)
    start, end = map(_to_number, detection['segment'])
    score = _to_number(detection['score'])
    return (start, end), score, label_name(video_id, index, detection)


def _can_be_scored(segment: Tuple[float, float], score: float) -> bool:
    """Whether a video would not be refused for this detection."""
    start, end = segment
    return all(map(math.isfinite, (start, end, score))) and start <= end


def _to_number(value: Any) -> float:
    """Convert a number, which NaN is too, and refuse anything else."""
    if isinstance(value, float):
        return value
    number = to_number(value)
    if math.isnan(number):
        raise TypeError(value)
    return number


def _refusal(video_id: str, value: Any) -> ValueError:
    """Say what the detections of a video must be."""
    return ValueError(
        f'detections of video {brief(video_id)} must be a list of '
        '{"label": name, "segment": [start, end], "score": number}, '
        f'but got {brief(value)}')
