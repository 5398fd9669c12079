"""Predictions of any number of models beside one ground truth."""
import argparse
import math
import os.path as osp
from dataclasses import dataclass, field
from typing import Dict, List, Sequence, Tuple

from scored_videos import check_actions, keep_videos

from dyfadet_mm.evaluation import (load_ground_truth,
                                   load_predictions_and_classes, rename_videos)
from dyfadet_mm.fileio import brief, load_database

# how the ids of data sets are spelled by some and not by others
SPELLINGS = (('{}', 'v_{}'), ('v_{}', '{}'))


@dataclass
class Model:
    """The detections of one file.

    Args:
        name (str): Of the file, different from all others.
        predictions (dict): By video id.
        aside (list[str]): Messages on detections that cannot be scored.
    """

    name: str
    predictions: Dict[str, dict]
    aside: List[str] = field(default_factory=list)


def read_inputs(
    args: argparse.Namespace
) -> Tuple[List[Model], Dict[str, dict], Tuple[str, ...]]:
    """Read what the command line names.

    Args:
        args (Namespace): Of ``analyze_errors.py``.

    Returns:
        tuple: The models, ``ground_truth[video_id]`` with ``duration``, and
        all class names in label order.
    """
    ground_truth, classes = load_ground_truth(
        args.annotations, args.subset, ignore_labels=args.ignore_labels)
    check_actions(ground_truth, args.annotations)
    models = []
    for name, path in zip(name_models(args.predictions), args.predictions):
        model = Model(name, {})
        # labels that no action has are put aside and counted later
        model.predictions, classes = load_predictions_and_classes(
            path, classes, None if args.strict else model.aside)
        model.predictions = keep_videos(
            _spell_ids(model.predictions, args), ground_truth, args,
            args.annotations)
        models.append(model)
    _fill_durations(ground_truth, models)
    return models, ground_truth, classes


def name_models(paths: Sequence[str], what: str = 'predictions') -> List[str]:
    """Short names of files, with as much of the path as tells them apart.

    Args:
        paths (Sequence[str]): M files.
        what (str): What they are, for the error. Defaults to 'predictions'.

    Returns:
        list[str]: M different names.

    Raises:
        ValueError: If a file is there twice.
    """
    if len({osp.realpath(path) for path in paths}) < len(paths):
        raise ValueError(f'{what} must be different files, but got '
                         f'{brief(list(paths))}')
    parts = [
        osp.splitext(osp.abspath(path))[0].split(osp.sep) for path in paths
    ]
    for number in range(1, max(map(len, parts)) + 1):
        names = ['/'.join(part[-number:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return list(map(str, paths))  # that differ in their suffixes


def _spell_ids(predictions: Dict[str, dict],
               args: argparse.Namespace) -> Dict[str, dict]:
    """Put ``v_`` before ids, or take it away, if only that makes them known.

    Options of the user come first.
    """
    if args.rename_ids is not None or args.ignore_case:
        return predictions
    known = set(load_database(args.annotations))
    if not predictions or known & set(predictions):
        return predictions
    for old, new in SPELLINGS:
        renamed = rename_videos(predictions, old, new)
        if set(renamed) <= known:
            print(f'video ids of the predictions are read as {new!r} for '
                  f'{old!r}')
            return renamed
    return predictions


def _fill_durations(ground_truth: Dict[str, dict],
                    models: Sequence[Model]) -> None:
    """Take the last time of a video for its duration if no file says it."""
    missing = [k for k, v in ground_truth.items() if math.isinf(v['duration'])]
    for video_id in missing:
        ends = [float(end) for _, end in ground_truth[video_id]['segments']]
        for model in models:
            video = model.predictions.get(video_id, dict(segments=[]))
            ends += [float(end) for _, end in video['segments']]
        ground_truth[video_id]['duration'] = max([*ends, 1e-3])
    if missing:
        print(f'{len(missing)} videos have no duration in the annotations; '
              'the last end of an action or a detection stands for it')
