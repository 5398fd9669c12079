"""Files that the servers of challenges take, made from predictions.

Every file is checked against what its server expects before it is written,
and :func:`load_predictions` reads it back.
"""
import json
import zipfile
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy as np

from dyfadet_mm.fileio import (atomic_path, brief, cut, load_json_strict,
                               read_bytes)

#: Nouns of EPIC-Kitchens-100; an action is verb x this + noun.
NUM_VERBS, NUM_NOUNS = 97, 300
EPIC_NAME = 'test.json'
Results = Dict[str, List[dict]]


class Kind(NamedTuple):
    """The type of a value of a submission.

    Attributes:
        name (str): What it must be, in words.
        accepts (callable): Tells it from other values.
    """
    name: str
    accepts: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return type(value) in (int, float) and bool(np.isfinite(value))


def _is_segment(value: Any) -> bool:
    """Whether a value is a start and an end in seconds."""
    return (isinstance(value, list) and len(value) == 2
            and all(map(_is_number, value)) and 0 <= value[0] <= value[1])


def _class_below(number: int) -> Kind:
    """A class id."""
    return Kind(f'a whole number from 0 to {number - 1}',
                lambda value: type(value) is int and 0 <= value < number)


def _is_pair(value: Any) -> bool:
    """Whether a value is the ids of a verb and a noun in a text."""
    parts = value.split(',') if isinstance(value, str) else []
    return len(parts) == 2 and all(part.isdigit() for part in parts)


SEGMENT = Kind('[start, end] in seconds, 0 <= start <= end', _is_segment)
SCORE = Kind('a finite number', _is_number)
TEXT = Kind('text', lambda value: isinstance(value, str) and value != '')
DETECTION = dict(segment=SEGMENT, score=SCORE, label=TEXT)
EPIC_DETECTION = dict(
    segment=SEGMENT,
    score=SCORE,
    verb=_class_below(NUM_VERBS),
    noun=_class_below(NUM_NOUNS),
    action=Kind("'verb,noun'", _is_pair))


def make_submission(results: Results) -> dict:
    """A file for ActivityNet, HACS Segments or THUMOS14.

    Args:
        results (dict): Detections by video id, each with ``label``,
            ``score`` and ``segment`` in seconds.

    Returns:
        dict: Content of the file, checked.

    Raises:
        ValueError: If a detection is not as described.
    """
    check_results('results', results, DETECTION)
    return dict(
        version='VERSION 1.3',
        results=results,
        external_data=dict(used=True, details=''))


def make_ego4d_submission(detections: Results, retrieved: Results) -> dict:
    """A file for the moment queries of Ego4D.

    Args:
        detections (dict): As of :func:`make_submission`, for mAP.
        retrieved (dict): For recall, where less is suppressed by NMS.

    Returns:
        dict: Content of the file, checked.

    Raises:
        ValueError: If a detection is not as described, or the two have
            other videos.
    """
    check_results('detect_results', detections, DETECTION)
    check_results('retrieve_results', retrieved, DETECTION)
    alone = sorted(set(detections) ^ set(retrieved))
    if alone:
        raise ValueError(
            'detections and retrieved moments must be of the same videos, but '
            f'{len(alone)} are in one file only, such as {brief(alone[:3])}')
    return dict(
        version='1.0',
        challenge='ego4d_moment_queries',
        detect_results=detections,
        retrieve_results=retrieved)


def make_epic_submission(actions: Dict[str, dict]) -> dict:
    """A file for action detection on EPIC-Kitchens-100.

    Args:
        actions (dict): ``actions[video_id] = dict(segments, scores,
            labels)``, as of :func:`pair_detections`, with labels verb x 300 +
            noun.

    Returns:
        dict: Content of the file, checked.

    Raises:
        ValueError: If a label or a segment is out of range.
    """
    results = {}
    for video_id, video in actions.items():
        verbs, nouns = np.divmod(video['labels'], NUM_NOUNS)
        results[video_id] = [
            dict(
                segment=segment,
                score=score,
                verb=verb,
                noun=noun,
                action=f'{verb},{noun}')
            for segment, score, verb, noun in zip(video['segments'].tolist(
            ), video['scores'].tolist(), verbs.tolist(), nouns.tolist())
        ]
    check_results('results', results, EPIC_DETECTION)
    return dict(
        version='0.2',
        challenge='action_detection',
        sls_pt=2,
        sls_tl=3,
        sls_td=4,
        results=results)


def check_results(name: str, results: Any, fields: Dict[str, Kind]) -> None:
    """Check the detections of a submission.

    Args:
        name (str): Key of them, for messages.
        results (Any): Lists of detections by video id.
        fields (dict[str, Kind]): Of a detection; it must have no others.

    Raises:
        ValueError: If something is not as described; the place is named.
    """
    if not isinstance(results, dict) or not results:
        raise ValueError(f'{name} must have a video, but got {brief(results)}')
    for video_id, detections in results.items():
        where = f'{name} > {brief(video_id)}'
        if not isinstance(detections, list):
            raise ValueError(
                f'{where} must be a list, but got {brief(detections)}')
        for index, detection in enumerate(detections):
            _check_detection(f'{where} > {index}', detection, fields)


def _check_detection(where: str, detection: Any, fields: Dict[str,
                                                              Kind]) -> None:
    """Check one detection."""
    if not isinstance(detection, dict) or set(detection) != set(fields):
        raise ValueError(f'{where} must have the keys {sorted(fields)}, but '
                         f'got {brief(detection)}')
    for key, kind in fields.items():
        if not kind.accepts(detection[key]):
            raise ValueError(f'{cut(where)} > {key} must be {kind.name}, but '
                             f'got {brief(detection[key])}')


def save_submission(path: str, content: dict) -> None:
    """Write a submission, completely or not at all.

    Args:
        path (str): File; one that ends in ``.zip`` holds ``test.json``, as
            EPIC-Kitchens-100 wants it.
        content (dict): Its content.

    Raises:
        WriteError: If it cannot be written, as where the disk is full.
    """
    text = json.dumps(content, allow_nan=False)
    with atomic_path(path) as part:
        if path.lower().endswith('.zip'):
            with zipfile.ZipFile(part, 'w', zipfile.ZIP_DEFLATED) as file:
                file.writestr(EPIC_NAME, text)
        else:
            with open(part, 'w', encoding='utf-8') as file:
                file.write(text)


def load_epic_submission(path: str) -> Dict[str, dict]:
    """Read a submission of actions of EPIC-Kitchens-100.

    Args:
        path (str): Zip file with ``test.json``, or that JSON file.

    Returns:
        dict: ``actions[video_id] = dict(segments, scores, labels)`` with
        labels verb x 300 + noun.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is another kind of file.
    """
    content: Any = _read_zip(path) if zipfile.is_zipfile(path) else read_bytes(
        path, 'submission', 'give the path of one')
    content = load_json_strict(content, f'submission {path!r}')
    results = content.get('results') if isinstance(content, dict) else None
    check_results(f'{path!r}: results', results, EPIC_DETECTION)
    return {
        video_id:
        dict(
            segments=_column(detections, 'segment', float).reshape(-1, 2),
            scores=_column(detections, 'score', float),
            labels=_column(detections, 'verb', int) * NUM_NOUNS +
            _column(detections, 'noun', int))
        for video_id, detections in results.items()
    }


def _read_zip(path: str) -> bytes:
    """Content of the one file of a submission."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.read(EPIC_NAME)
    except (KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise ValueError(f'submission {path!r} must be a zip file with '
                         f'{EPIC_NAME}, but got: {error}') from error


def _column(detections: Sequence[dict], key: str, dtype: type) -> np.ndarray:
    """One field of all detections of a video."""
    return np.array([each[key] for each in detections], dtype=dtype)


def detections_of(predictions: Dict[str, dict],
                  classes: Sequence[str],
                  score_thr: Optional[float] = None) -> Results:
    """Detections as submissions list them.

    Args:
        predictions (dict): ``predictions[video_id] = dict(segments, scores,
            labels)``, segments in seconds.
        classes (Sequence[str]): Names in label order.
        score_thr (float, optional): Lowest score kept. Defaults to None, all.

    Returns:
        dict: ``label``, ``segment`` and ``score`` of the detections, by id.
    """
    return {
        video_id: [
            dict(label=classes[label], segment=segment, score=score)
            for segment, score, label in zip(video['segments'].tolist(
            ), video['scores'].tolist(), video['labels'].tolist())
            if score_thr is None or score >= score_thr
        ]
        for video_id, video in predictions.items()
    }
