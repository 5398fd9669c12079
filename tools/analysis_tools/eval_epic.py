"""Score verbs, nouns and actions of EPIC-Kitchens-100.

Takes the predictions of a verb and of a noun model and both annotation files.
Actions are detected where a verb and a noun are, see
dyfadet_mm.evaluation.pair_detections.
"""
import argparse
from typing import Dict, NamedTuple, Optional, Sequence

from eval_predictions import check_new_file, run, summarize
from scored_videos import (add_reading_options, check_actions, keep_videos,
                           read_detections)

from dyfadet_mm.evaluation import (format_table, join_ground_truth,
                                   load_ground_truth, load_predictions,
                                   pair_detections, tad_map)
from dyfadet_mm.fileio import naming

THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5]
NUM_NOUNS = 300


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    for task in ('verb', 'noun'):
        parser.add_argument(
            f'{task}_predictions',
            help=f'JSON of the {task} model, as TADMapMetric writes it')
    for task in ('verb', 'noun'):
        parser.add_argument(
            f'{task}_annotations', help='JSON in the ActivityNet layout')
    parser.add_argument(
        '--subset',
        nargs='+',
        default=['validation'],
        help='subsets to score on, in any case (default: %(default)s)')
    parser.add_argument(
        '--tiou',
        nargs='+',
        type=float,
        default=THRESHOLDS,
        help='tIoU thresholds (default: %(default)s)')
    parser.add_argument(
        '--pair-tiou',
        type=float,
        default=0.5,
        help='least tIoU of the verb and the noun of an action '
        '(default: %(default)s)')
    parser.add_argument(
        '--raw-ids',
        action='store_true',
        help='treat verbs and nouns without actions as the published code '
        'does, rather than leave them out')
    parser.add_argument(
        '--classwise', action='store_true', help='print every class')
    parser.add_argument('--json', help='new file for the numbers, fractions')
    add_reading_options(parser)
    return parser.parse_args(args)


class Task(NamedTuple):
    """What is scored of verbs, nouns or actions.

    Attributes:
        predictions (dict): By video id.
        ground_truth (dict): By video id.
        classes (Sequence[str]): Names in label order.
    """

    predictions: Dict[str, dict]
    ground_truth: Dict[str, dict]
    classes: Sequence[str]


def load_task(predictions: str, annotations: str,
              args: argparse.Namespace) -> Task:
    """Read both files of one task.

    Args:
        predictions (str): JSON of the model.
        annotations (str): JSON in the layout of ActivityNet.
        args (Namespace): As of :func:`parse_args`.

    Returns:
        Task: Its content.
    """
    ground_truth, classes = load_ground_truth(
        annotations, args.subset, ignore_labels=args.ignore_labels)
    check_actions(ground_truth, annotations)
    found, _ = read_detections(load_predictions, predictions, classes,
                               args.strict)
    found = keep_videos(found, ground_truth, args, annotations)
    return Task(found, ground_truth, classes)


def combine(verb: Task, noun: Task, min_tiou: float) -> Task:
    """Actions of verbs and nouns, verb x 300 + noun.

    Args:
        verb (Task): Verbs.
        noun (Task): Nouns.
        min_tiou (float): Least tIoU of a verb and a noun of an action.

    Returns:
        Task: Actions.
    """
    nouns = [*noun.classes, *[''] * (NUM_NOUNS - len(noun.classes))]
    return Task(
        pair_detections(
            verb.predictions, noun.predictions, NUM_NOUNS, min_tiou=min_tiou),
        join_ground_truth(verb.ground_truth, noun.ground_truth, NUM_NOUNS),
        [f'{name} + {other}' for name in verb.classes for other in nouns])


def evaluate(args: argparse.Namespace) -> dict:
    """Score what the command line names.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        dict: ``verb``, ``noun`` and ``action``, each with ``mAP`` and ``AP``
        as fractions.
    """
    check_new_file(args.json)
    verb = load_task(args.verb_predictions, args.verb_annotations, args)
    noun = load_task(args.noun_predictions, args.noun_annotations, args)
    with naming(f'{args.verb_annotations!r}, {args.noun_annotations!r}'):
        action = combine(verb, noun, args.pair_tiou)
    tasks = dict(verb=verb, noun=noun, action=action)
    numbers = {}
    for name, task in tasks.items():
        # the published code scores no actions
        raw_ids = args.raw_ids and name != 'action'
        result = tad_map(
            task.predictions, task.ground_truth, args.tiou, raw_ids=raw_ids)
        numbers[name] = summarize(result, args.tiou, task.classes)
        print(f'\n{name}\n' +
              format_table(result, args.tiou, task.classes, args.classwise))
        print(f'{name}: average mAP {100 * result["average_mAP"]:.2f} % on '
              f'{len(task.ground_truth)} videos')
    return numbers


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    run(evaluate, parse_args(args))


if __name__ == '__main__':
    main()
