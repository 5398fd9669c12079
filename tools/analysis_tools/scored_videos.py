"""A predictions file beside an annotation file, as all tools read them."""
import argparse
from typing import Callable, Collection, Dict, List

from dyfadet_mm.evaluation import match_case, rename_videos, renaming_hint
from dyfadet_mm.fileio import brief, load_database

# how the ids of data sets are spelled by some and not by others
SPELLINGS = (('{}', 'v_{}'), ('v_{}', '{}'))


def add_scoring_options(parser: argparse.ArgumentParser) -> None:
    """Add what detections are scored on.

    Args:
        parser (ArgumentParser): Gets ``annotations``, ``--subset`` and
            ``--tiou``.
    """
    parser.add_argument('annotations', help='JSON in the ActivityNet layout')
    parser.add_argument(
        '--subset',
        nargs='+',
        help='subsets to score on, in any case; needed if there are several')
    parser.add_argument(
        '--tiou',
        nargs='+',
        type=float,
        default=[0.3, 0.4, 0.5, 0.6, 0.7],
        help='tIoU thresholds (default: %(default)s)')


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add what to do with files that are not quite as they should be.

    Args:
        parser (ArgumentParser): Gets ``--strict`` and the options of
            :func:`add_matching_options`.
    """
    add_strict_option(parser)
    add_matching_options(parser)


def add_matching_options(parser: argparse.ArgumentParser) -> None:
    """Add what brings videos and actions of two files together.

    Args:
        parser (ArgumentParser): Gets ``--ignore-labels``, ``--rename-ids``
            and ``--ignore-case``.
    """
    parser.add_argument(
        '--ignore-labels',
        nargs='*',
        default=['Ambiguous'],
        help='labels of annotations to leave out (default: %(default)s, of '
        'THUMOS14)')
    parser.add_argument(
        '--rename-ids',
        nargs=2,
        metavar=('OLD', 'NEW'),
        help="change video ids of the predictions, as in '{}' 'v_{}' to put "
        "v_ before them, or '{}.mp4' '{}' to take .mp4 away")
    parser.add_argument(
        '--ignore-case',
        action='store_true',
        help='match video ids that differ in upper and lower case')


def add_strict_option(parser: argparse.ArgumentParser) -> None:
    """Add what to do with detections that are of no use.

    Args:
        parser (ArgumentParser): Gets ``--strict``.
    """
    parser.add_argument(
        '--strict',
        action='store_true',
        help='refuse a predictions file with a detection that is of no use, '
        'rather than leave it out')


def read_detections(load: Callable, path: str, classes: Collection[str],
                    strict: bool) -> tuple:
    """Read a predictions file; what is of no use is left out and counted.

    Args:
        load (Callable): ``load_predictions``, to which unknown labels are of
            no use, or ``load_predictions_and_classes``.
        path (str): The file.
        classes (Collection[str]): Names in label order.
        strict (bool): Refuse the file instead.

    Returns:
        tuple: What ``load`` returns, and the number left out.
    """
    aside: List[str] = []
    found = load(path, classes, None if strict else aside)
    if aside:
        reasons = list(dict.fromkeys(aside))
        print(f'{len(aside)} detections of {path} are left out, as they '
              f'cannot be scored: {"; ".join(reasons[:3])}'
              f'{"; ..." if len(reasons) > 3 else ""}')
    return found, len(aside)


def rename_ids(predictions: Dict[str, dict], args: argparse.Namespace,
               known: Collection[str]) -> Dict[str, dict]:
    """Spell video ids as the options say.

    Without options, ``v_`` is put before all ids or taken away if that makes
    all of them known, where none is.

    Args:
        predictions (dict): By video id.
        args (Namespace): The options of :func:`add_matching_options`.
        known (Collection[str]): Ids of the annotations.

    Returns:
        dict: The same by other ids.

    Raises:
        ValueError: If two videos would have one id.
    """
    if args.rename_ids is not None:
        predictions = rename_videos(predictions, *args.rename_ids)
    if args.ignore_case:
        predictions = match_case(predictions, known)
    if (not predictions or set(known) & set(predictions)
            or args.rename_ids is not None or args.ignore_case):
        return predictions
    for old, new in SPELLINGS:
        renamed = rename_videos(predictions, old, new)
        if set(renamed) <= set(known):
            print(f'video ids of the predictions are read as {new!r} for '
                  f'{old!r}')
            return renamed
    return predictions


def check_actions(ground_truth: Dict[str, dict], ann_file: str) -> None:
    """Refuse ground truth by which nothing can be scored.

    Args:
        ground_truth (dict): By video id.
        ann_file (str): Annotation file, for the message.

    Raises:
        ValueError: If no video has an action.
    """
    if not any(len(video['labels']) for video in ground_truth.values()):
        raise ValueError(
            f'annotations of {ann_file!r} must have an action to evaluate, '
            f'but got none in {len(ground_truth)} videos; nothing is scored')


def keep_videos(predictions: Dict[str, dict], ground_truth: Dict[str, dict],
                args: argparse.Namespace, ann_file: str) -> Dict[str, dict]:
    """Leave out detections of other subsets, and say what is missing.

    Args:
        predictions (dict): By video id.
        ground_truth (dict): By video id.
        args (Namespace): The options of :func:`add_matching_options`.
        ann_file (str): Annotation file, which must know all videos.

    Returns:
        dict: Predictions of the videos of ``ground_truth``.

    Raises:
        ValueError: If a video is not in the annotation file, or none is in
            ``ground_truth``.
    """
    known = load_database(ann_file)
    predictions = rename_ids(predictions, args, known)
    unknown = sorted(set(predictions) - set(known))
    if unknown:
        raise ValueError(
            f'videos of the predictions must be in {ann_file!r}, but '
            f'got {brief(unknown[:3])}, {len(unknown)} of {len(predictions)} '
            'are not'
            f'{renaming_hint(unknown, known)}')
    if predictions and not set(predictions) & set(ground_truth):
        raise ValueError(
            f'predictions must have videos of the chosen subset of '
            f'{ann_file!r}, but got '
            f'{brief(sorted(predictions)[:3])}; choose another --subset')
    kept = {k: v for k, v in predictions.items() if k in ground_truth}
    if len(kept) < len(predictions):
        print(f'{len(predictions) - len(kept)} videos of other subsets are '
              'left out, as are excluded ones')
    if len(kept) < len(ground_truth):
        print(f'{len(ground_truth) - len(kept)} of {len(ground_truth)} videos '
              'have no detections and count as missed')
    return kept
