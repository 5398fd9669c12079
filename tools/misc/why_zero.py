"""Say why mAP is near 0.

    python tools/misc/why_zero.py CONFIG CHECKPOINT

Looks at the weights, the classes and the test data, then tests, and tries what
would mend the detections: other times, other labels, the raw weights, a lower
score threshold, the settings of the training. The first cause is named with
the figure that shows it, the other ones behind it. Exit status as of
check_dataset.py: 1 if a cause was found, 2 if the command line, the config or
the checkpoint cannot be read, 0 otherwise.
"""
import argparse
import sys
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence

from mmengine.config import DictAction
from mmengine.runner.checkpoint import CheckpointLoader

from dyfadet_mm.utils.weights import check_weights

# what checks data sets and analyses errors, in the folder beside this one
sys.path.append(str(Path(__file__).resolve().parents[1] / 'analysis_tools'))
from check_dataset import load_config
from dataset_survey import DATA_ERRORS, text_of
from zero_causes import (Cause, check_classes, check_data, check_fit,
                         check_numbers, weights_of)
from zero_trials import Trials

ERRORS = (*DATA_ERRORS, ArithmeticError, RuntimeError)


class Diagnosis(NamedTuple):
    """What was found.

    Attributes:
        causes (list[Cause]): The first one is the surest.
        notes (list[Cause]): What is odd, while mAP is not low.
        trials (Trials): The test, None if there can be none.
    """

    causes: List[Cause]
    notes: List[Cause]
    trials: Optional[Trials]


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='path of the config')
    parser.add_argument('checkpoint', help='path or address of the weights')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='change the config, as in data_root=data/mine')
    parser.add_argument(
        '--max-videos', type=int, help='look at so many test videos only')
    parser.add_argument(
        '--jobs',
        type=int,
        default=4,
        help='threads that read features (default: %(default)s)')
    return parser.parse_args(args)


def diagnose(args: argparse.Namespace) -> Diagnosis:
    """Look for causes.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        Diagnosis: What was found.

    Raises:
        ValueError: If the config has no test data, or the checkpoint no
            weights.
        FileNotFoundError: If one is not there.
    """
    cfg = load_config(args)
    for key in ('model', 'test_dataloader'):
        if not cfg.get(key):
            raise ValueError(f'the config {args.config!r} must have {key!r}')
    dataset = cfg.test_dataloader.dataset
    if args.max_videos is not None and 'ann_file' in dataset:  # no wrapper
        dataset.indices = args.max_videos
    checkpoint = CheckpointLoader.load_checkpoint(args.checkpoint, 'cpu',
                                                  'silent')
    check_weights(checkpoint, args.checkpoint)
    tests, certain, suspects = check_data(cfg, args)
    certain = [
        *check_numbers(weights_of(checkpoint)), *check_fit(cfg, checkpoint),
        *certain
    ]
    suspects = [
        cause for test in tests for cause in check_classes(checkpoint, test)
    ] + suspects
    if certain:
        return Diagnosis(certain + suspects, [], None)
    try:
        trials = Trials(cfg, args.checkpoint, checkpoint, tests)
    except ERRORS as error:
        suspects.append(Cause('the test fails', text_of(error), ''))
        return Diagnosis(suspects, [], None)
    tried = trials.causes()
    if trials.is_low or tried:
        return Diagnosis(suspects + tried, [], trials)
    return Diagnosis([], suspects, trials)


def print_diagnosis(found: Diagnosis) -> None:
    """Print the causes, or that there is none.

    Args:
        found (Diagnosis): As of :func:`diagnose`.
    """
    if found.trials is None:
        print('Nothing can be tested.')
    else:
        print(f'Average mAP is {100 * found.trials.value:.2f} %, of '
              f'{len(found.trials.outcome.ground_truth)} videos and '
              f'{found.trials.num_detections} detections.')
    for number, cause in enumerate(found.causes):
        print(f'{"also" if number else "cause"}: {cause.name}: {cause.figure}')
        if cause.mended is not None:
            print(f'  corrected, average mAP is {100 * cause.mended:.2f} %')
        if cause.remedy:
            print(f'  {cause.remedy}')
    if found.causes:
        return
    if not found.trials.is_low:
        print('Nothing is wrong.')
        for note in found.notes:
            print(f'note: {note.name}: {note.figure}')
        return
    print('No cause is found. What the error analysis '
          '(tools/analysis_tools/analyze_errors.py) says first:')
    for each in found.trials.summary[:3]:
        print(f'  {each.sentence}\n  Try: {each.advice}')


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line."""
    args = parse_args(args)
    try:
        found = diagnose(args)
    except (*DATA_ERRORS, SyntaxError) as error:
        print(f'{type(error).__name__}: {text_of(error)}', file=sys.stderr)
        sys.exit(2)
    print_diagnosis(found)
    sys.exit(int(bool(found.causes)))


if __name__ == '__main__':
    main()
