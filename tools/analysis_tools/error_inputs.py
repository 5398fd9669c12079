"""Predictions of any number of models beside one ground truth."""
import argparse
import math
import os.path as osp
from typing import Dict, List, NamedTuple, Sequence, Tuple

from scored_videos import check_actions, keep_videos, read_detections

from dyfadet_mm.evaluation import (load_ground_truth,
                                   load_predictions_and_classes)
from dyfadet_mm.fileio import brief


class Model(NamedTuple):
    """The detections of one file.

    Args:
        name (str): Of the file, different from all others.
        predictions (dict): By video id.
        num_aside (int): Detections that cannot be scored.
    """

    name: str
    predictions: Dict[str, dict]
    num_aside: int


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
        # labels that no action has are put aside and counted later
        (found,
         classes), num_aside = read_detections(load_predictions_and_classes,
                                               path, classes, args.strict)
        found = keep_videos(found, ground_truth, args, args.annotations)
        models.append(Model(name, found, num_aside))
    fill_durations(ground_truth, models)
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


def fill_durations(ground_truth: Dict[str, dict],
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
