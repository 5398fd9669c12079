"""Score a predictions file against an annotation file, without a model."""
import argparse
import os
from typing import Callable, Optional, Sequence

from scored_videos import (add_reading_options, add_scoring_options,
                           check_actions, keep_videos, read_detections)

from dyfadet_mm.evaluation import (format_recall_table, format_table,
                                   load_ground_truth, load_predictions,
                                   tad_map, tad_recall)
from dyfadet_mm.fileio import (check_writable, exclude_videos, read_class_list,
                               save_json, user_errors)


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'predictions', help='JSON with "results", as TADMapMetric writes it')
    add_scoring_options(parser)
    parser.add_argument(
        '--recall',
        nargs='+',
        type=int,
        metavar='K',
        help='also score Recall@Kx, as Ego4D does for 1 and 5')
    parser.add_argument(
        '--exclude',
        help='text file with a video id per line, left out of the score')
    parser.add_argument(
        '--raw-ids',
        action='store_true',
        help='treat detections of classes without actions as the published '
        'code does, rather than leave them out')
    parser.add_argument(
        '--classes',
        help='text file with a class name per line, for classes that the '
        'annotations lack')
    parser.add_argument(
        '--keep-duplicates',
        action='store_true',
        help='keep repeated and empty actions, which are dropped otherwise')
    parser.add_argument(
        '--no-classwise', action='store_true', help='print the means only')
    parser.add_argument('--json', help='new file for the numbers, fractions')
    add_reading_options(parser)
    return parser.parse_args(args)


def evaluate(args: argparse.Namespace) -> dict:
    """Score what the command line names.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        dict: ``mAP`` and ``AP``, maybe ``recall``, as fractions, with their
        names.
    """
    check_new_file(args.json)
    classes = None if args.classes is None else read_class_list(args.classes)
    ground_truth, classes = load_ground_truth(args.annotations, args.subset,
                                              classes, args.ignore_labels)
    if args.exclude is not None:
        ground_truth = exclude_videos(ground_truth, args.exclude)
    check_actions(ground_truth, args.annotations)
    # the published code leaves out nothing
    predictions, _ = read_detections(load_predictions, args.predictions,
                                     classes, args.strict or args.raw_ids)
    predictions = keep_videos(predictions, ground_truth, args,
                              args.annotations)
    result = tad_map(
        predictions,
        ground_truth,
        args.tiou,
        deduplicate=not args.keep_duplicates,
        raw_ids=args.raw_ids)
    numbers = summarize(result, args.tiou, classes)
    print(format_table(result, args.tiou, classes, not args.no_classwise))
    print(f'average mAP {100 * result["average_mAP"]:.2f} % on '
          f'{len(ground_truth)} videos')
    if args.recall is not None:
        result = tad_recall(predictions, ground_truth, args.tiou, args.recall,
                            not args.keep_duplicates)
        print(format_recall_table(result, args.tiou, args.recall))
        numbers['recall'] = {
            f'{k}x': values
            for k, values in zip(args.recall, result['recall'].tolist())
        }
    return numbers


def check_new_file(path: Optional[str]) -> None:
    """Refuse to replace a file with the numbers.

    Args:
        path (str, optional): Where they are to be written.

    Raises:
        FileExistsError: If something is there.
        WriteError: If no file can be written there.
    """
    if path is None:
        return
    if os.path.lexists(path):
        raise FileExistsError(f'--json must be a new file, but got {path!r}; '
                              'remove it or choose another')
    check_writable(path, '--json')


def summarize(result: dict, tiou: Sequence[float],
              classes: Sequence[str]) -> dict:
    """Give names to what :func:`tad_map` returned.

    Args:
        result (dict): What it returned.
        tiou (Sequence[float]): The thresholds it was given.
        classes (Sequence[str]): Names in label order.

    Returns:
        dict: Plain lists and numbers, for JSON.
    """
    return dict(
        tiou_thresholds=tiou,
        mAP=result['mAP'].tolist(),
        average_mAP=result['average_mAP'],
        AP={
            classes[label]: ap
            for label, ap in zip(result['labels'], result['AP'].T.tolist())
        })


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    run(evaluate, parse_args(args))


def run(evaluate: Callable[[argparse.Namespace], dict],
        args: argparse.Namespace) -> None:
    """Evaluate and write ``--json``; an error of the user ends in one line.

    Args:
        evaluate (Callable): Returns the numbers.
        args (Namespace): Its argument, with ``json``.
    """
    with user_errors():
        numbers = evaluate(args)
        if args.json is not None:
            check_new_file(args.json)
            save_json(args.json, numbers, indent=1)


if __name__ == '__main__':
    main()
