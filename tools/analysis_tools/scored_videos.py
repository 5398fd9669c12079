"""Videos of a predictions file beside those of an annotation file."""
import argparse
from typing import Collection, Dict

from dyfadet_mm.evaluation import match_case, rename_videos, renaming_hint
from dyfadet_mm.fileio import brief, load_database


def add_id_options(parser: argparse.ArgumentParser) -> None:
    """Add what to do where the ids of the two files are spelled differently.

    Args:
        parser (ArgumentParser): Gets ``--rename-ids`` and ``--ignore-case``.
    """
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


def rename_ids(predictions: Dict[str, dict], args: argparse.Namespace,
               known: Collection[str]) -> Dict[str, dict]:
    """Spell video ids as the options say.

    Args:
        predictions (dict): By video id.
        args (Namespace): The options of :func:`add_id_options`.
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
        args (Namespace): The options of :func:`add_id_options`.
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
