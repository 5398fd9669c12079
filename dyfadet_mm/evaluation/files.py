"""Predictions and ground truth as files in the layout of ActivityNet.

.. code-block:: none

    {"version": "dyfadet_mm predictions 1",
     "results": {
        "video_test_0000004": [
            {"label": "CricketBowling",
             "segment": [0.2, 1.1],        # seconds
             "score": 0.93}]},
     "external_data": {}}
"""
import json
import os
from typing import Any, Dict, Optional, Sequence, Tuple, Union

import numpy as np

from dyfadet_mm.fileio import (load_database, parse_video, resolve_classes,
                               select_subset)
from dyfadet_mm.structures import class_name

VERSION = 'dyfadet_mm predictions 1'
# how a file of ours begins; nothing else is ever replaced
HEAD = '{"version": "dyfadet_mm predictions'


def check_out_file(path: str) -> None:
    """Refuse a path whose file is not ours to replace.

    Args:
        path (str): Where predictions are to be written.

    Raises:
        FileExistsError: If something else than a predictions file written by
            this package is there.
    """
    if not os.path.lexists(path):
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
    """
    check_out_file(path)
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
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    partial = f'{path}.{os.getpid()}.partial'
    try:
        with open(partial, 'w', encoding='utf-8') as file:
            json.dump(content, file)
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def load_predictions(path: str, classes: Sequence[str]) -> Dict[str, dict]:
    """Read a predictions file of the ActivityNet layout.

    Args:
        path (str): JSON file with the key ``results``.
        classes (Sequence[str]): Names in label order.

    Returns:
        dict: ``predictions[video_id] = dict(segments, scores, labels)`` with
        segments (N, 2) in seconds, scores (N, ), labels (N, ).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not JSON of this layout, or a label is unknown.
    """
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'no predictions file at {path!r}') from error
    except ValueError as error:
        raise ValueError(f'predictions file {path!r} must be JSON, but got: '
                         f'{error}') from error
    results = content.get('results') if isinstance(content, dict) else None
    if not isinstance(results, dict):
        raise ValueError(f"predictions file {path!r} must have 'results', a "
                         'dict of video ids, but got '
                         f'{type(results).__name__}')
    labels = {name: label for label, name in enumerate(classes)}
    return {
        video_id: _read_detections(video_id, detections, labels)
        for video_id, detections in results.items()
    }


def load_ground_truth(
    ann_file: str,
    subset: Optional[Union[str, Sequence[str]]] = None,
    classes: Optional[Sequence[str]] = None
) -> Tuple[Dict[str, dict], Tuple[str, ...]]:
    """Read the actions of a subset from an annotation file.

    Args:
        ann_file (str): JSON in the layout of ActivityNet.
        subset (str | Sequence[str], optional): Names, in any case. Defaults
            to None, for a file that has only one.
        classes (Sequence[str], optional): Names in label order. Defaults to
            None: from the file.

    Returns:
        tuple: ``ground_truth[video_id] = dict(segments, labels, duration)``,
        in seconds, and the class names.

    Raises:
        ValueError: If the file has several subsets and none is named, or as
            in :func:`dyfadet_mm.fileio.parse_video`.
    """
    database = load_database(ann_file)
    if subset is None:
        stored = {str(e.get('subset')).lower() for e in database.values()}
        if len(stored) > 1:
            raise ValueError(f'subset must be one of {sorted(stored)}, the '
                             f'subsets in {ann_file!r}, but got None')
    classes = resolve_classes(database, classes)
    if subset is not None:
        database = select_subset(database, subset)
    labels = {name: label for label, name in enumerate(classes)}
    ground_truth = {}
    for video_id, entry in database.items():
        # seconds need no frame rate
        video = parse_video(video_id, entry, labels, fps=1.)
        ground_truth[video_id] = dict(
            segments=video['segments_s'],
            labels=video['labels_s'],
            duration=video['duration'])
    return ground_truth, classes


def _short_floats(values: np.ndarray) -> Any:
    """Nested list whose numbers print as short as their dtype allows."""
    values = np.asarray(values)
    return values.astype(str).astype(float).tolist()


def _read_detections(video_id: str, detections: Any,
                     labels: Dict[str, int]) -> Dict[str, np.ndarray]:
    """Check and convert the detections of one video."""
    segments, scores, own_labels = [], [], []
    try:
        for detection in detections:
            start, end = detection['segment']
            segments.append((float(start), float(end)))
            scores.append(float(detection['score']))
            own_labels.append(str(detection['label']))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f'detections of video {video_id!r} must be a list of '
            '{"label": name, "segment": [start, end], "score": number}, '
            f'but got {str(detections)[:80]}') from error
    unknown = sorted({name for name in own_labels if name not in labels})
    if unknown:
        raise ValueError(
            f'labels of video {video_id!r} must be among the {len(labels)} '
            f'classes of the annotations, such as {list(labels)[:3]}, but got '
            f'{unknown[:3]}; give the class names of the model')
    return dict(
        segments=np.array(segments).reshape(-1, 2),
        scores=np.array(scores),
        labels=np.array([labels[n] for n in own_labels], dtype=np.int64))
