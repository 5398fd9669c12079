"""Tune NMS and thresholds on raw predictions, without the network.

One half of the videos chooses the settings, the other half tells what they
gain. Several folders of one data set are averaged, as an ensemble.
"""
import argparse
import random
from typing import (Any, Dict, Iterable, List, NamedTuple, Optional, Sequence,
                    Tuple)

import torch
from eval_predictions import check_new_file, run
from postprocess_search import Settings, nested, own_settings, search
from scored_videos import (add_matching_options, add_scoring_options,
                           check_actions, keep_videos)
from torch import Tensor

from dyfadet_mm.evaluation import load_ground_truth, save_predictions, tad_map
from dyfadet_mm.evaluation.files import check_out_file
from dyfadet_mm.fileio import (RawPredictions, average_raw_videos, brief,
                               load_raw_predictions, naming)
from dyfadet_mm.models import ScoreFusion, SegmentPostprocessor

ROW = '{:<20}{:>10}{:>10}  {}'


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'raw', nargs='+', help='folders of tools/test.py --dump-raw')
    add_scoring_options(parser)
    parser.add_argument(
        '--trials',
        type=int,
        default=100,
        help='settings that are tried; 0 keeps those of the config (default: '
        '%(default)s)')
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of the halves and of the search (default: %(default)s)')
    parser.add_argument(
        '--out',
        metavar='JSON',
        help='write the detections of all videos, with the settings found')
    parser.add_argument('--json', help='new file for the numbers, fractions')
    add_matching_options(parser)
    return parser.parse_args(args)


class Video(NamedTuple):
    """Candidates of a video, as the postprocessor takes them."""

    levels: List[Tuple[Tensor, Tensor]]
    metainfo: dict


class Detector:
    """All of a detector that follows its network.

    Args:
        raw (RawPredictions): What the network says.
    """

    def __init__(self, raw: RawPredictions) -> None:
        self.videos = {
            key:
            Video([tuple(map(torch.from_numpy, x)) for x in video.levels],
                  dict(video.grid, video_id=key))
            for key, video in raw.videos.items()
        }
        self.postprocessor = raw.postprocessor
        self.fusion = None
        with naming('settings in the raw predictions'):
            SegmentPostprocessor(**raw.postprocessor)
            if raw.score_fusion is not None:
                self.fusion = ScoreFusion(**raw.score_fusion)
        if self.fusion is not None:
            self.fusion.bind(raw.classes, list(raw.videos))

    def __call__(self, settings: Settings,
                 video_ids: Iterable[str]) -> Dict[str, dict]:
        """Detect.

        Args:
            settings (dict): By dotted key, in place of those of the config.
            video_ids (Iterable[str]): Where to detect, if it is known.

        Returns:
            dict: By video id, as of :func:`tad_map`.
        """
        args, new = dict(self.postprocessor), nested(settings)
        if 'nms' in new:
            new['nms'] = {**args.get('nms', {}), **new['nms']}
        detect = SegmentPostprocessor(**{**args, **new})
        found = {}
        for key in filter(self.videos.__contains__, video_ids):
            levels, metainfo = self.videos[key]
            detections = detect(levels, metainfo)
            if self.fusion is not None:
                detections = self.fusion(detections, metainfo['video_id'])
            found[key] = {k: v.numpy() for k, v in detections.items()}
        return found


def read_folders(folders: Sequence[str]) -> RawPredictions:
    """Read one folder, or the mean of several.

    Args:
        folders (Sequence[str]): Of detectors of one data set.

    Returns:
        RawPredictions: With the settings of the first one.

    Raises:
        ValueError: If classes, videos or grids of folders differ.
    """
    first, *others = map(load_raw_predictions, folders)
    for folder, other in zip(folders[1:], others):
        for name, ours, theirs in (('classes', first.classes, other.classes),
                                   ('videos', set(first.videos),
                                    set(other.videos))):
            if ours != theirs:
                raise ValueError(
                    f'raw predictions must have the same {name} to be '
                    f'averaged, but {folders[0]!r} has '
                    f'{brief(sorted(set(ours) - set(theirs)) or ours)}, and '
                    f'{folder!r} has '
                    f'{brief(sorted(set(theirs) - set(ours)) or theirs)}')
    videos = {}
    for key, video in first.videos.items():
        with naming(f'video {brief(key)} of {brief(list(folders))}'):
            videos[key] = average_raw_videos(
                [video, *(other.videos[key] for other in others)])
    return first._replace(videos=videos)


def split(video_ids: Sequence[str], seed: int) -> Tuple[List[str], List[str]]:
    """Share videos out: sorted, then in the order of the seed, then halved.

    Args:
        video_ids (Sequence[str]): V videos.
        seed (int): Of Python's ``random.Random``.

    Returns:
        tuple[list[str], list[str]]: Those that choose the settings, V // 2
        rounded up, and those that are held out.
    """
    order = sorted(video_ids)
    random.Random(seed).shuffle(order)
    middle = (len(order) + 1) // 2
    return order[:middle], order[middle:]


def tune(args: argparse.Namespace) -> dict:
    """Search and report as the command line says.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        dict: The settings found, and mAP of both halves before and after.
    """
    check_new_file(args.json)
    if args.out is not None:
        check_out_file(args.out)
    raw = read_folders(args.raw)
    detector = Detector(raw)
    ground_truth, _ = load_ground_truth(args.annotations, args.subset,
                                        raw.classes, args.ignore_labels)
    check_actions(ground_truth, args.annotations)
    detector.videos = keep_videos(detector.videos, ground_truth, args,
                                  args.annotations)
    own = own_settings(raw.postprocessor)
    best, numbers = own, {}
    if args.trials > 0:
        best, numbers = compare(detector, ground_truth, own, args)
    if args.out is not None:
        found = detector(best, detector.videos)
        save_predictions(args.out, found, raw.classes)
        print(f'detections of {len(detector.videos)} videos are in {args.out}')
    return numbers


def compare(detector: Detector, ground_truth: Dict[str, dict], own: Settings,
            args: argparse.Namespace) -> Tuple[Settings, dict]:
    """Search on one half, and tell what it gains on the other.

    Args:
        detector (Detector): With the videos of ``ground_truth``.
        ground_truth (dict): By video id.
        own (dict): Settings of the config.
        args (Namespace): As of :func:`parse_args`.

    Returns:
        tuple: The settings found, and the numbers.

    Raises:
        ValueError: If a half has no action where something is detected.
    """
    halves = []
    for ids in split(list(ground_truth), args.seed):
        truth = {key: ground_truth[key] for key in ids}
        if not any(
                len(truth[key]['labels'])
                for key in truth if key in detector.videos):
            raise ValueError(
                'raw predictions must have videos with actions in both halves '
                f'of the {len(ground_truth)} annotated videos, but one half '
                f'has none, and {len(detector.videos)} are there in all; '
                'choose another --seed, or give more videos')
        halves.append(truth)
    print(f'{len(halves[0])} videos choose the settings, {len(halves[1])} are '
          f'held out (seed {args.seed})')

    def score(settings: Settings, truth: Dict[str, dict]) -> dict:
        """mAP of some videos."""
        result = tad_map(detector(settings, truth), truth, args.tiou)
        return dict(
            mAP=result['mAP'].tolist(), average_mAP=result['average_mAP'])

    best = search(lambda settings: score(settings, halves[0])['average_mAP'],
                  own, args.trials, args.seed)
    numbers = {
        name:
        dict(
            zip(('chosen_on', 'held_out'), (score(settings, half)
                                            for half in halves)))
        for name, settings in dict(config=own, tuned=best).items()
    }
    changed = {k: v for k, v in best.items() if v != own[k]}
    report(numbers, changed, args)
    return best, dict(
        numbers, settings=changed, tiou_thresholds=list(args.tiou))


def report(numbers: dict, changed: Settings, args: argparse.Namespace) -> None:
    """Print what was found.

    Args:
        numbers (dict): mAP of config and tuned, of both halves.
        changed (dict): Settings that are new, by dotted key.
        args (Namespace): As of :func:`parse_args`.
    """
    tious = ' '.join(f'{tiou:>6.2f}' for tiou in args.tiou)
    print(ROW.format('average mAP, %', 'chosen on', 'held out', tious))
    for name, halves in numbers.items():
        chosen_on, held_out = (f'{100 * halves[half]["average_mAP"]:.2f}'
                               for half in ('chosen_on', 'held_out'))
        print(
            ROW.format(
                f'settings: {name}', chosen_on, held_out,
                ' '.join(f'{100 * x:6.2f}'
                         for x in halves['held_out']['mAP'])))
    if not changed:
        print('no other settings are better: keep those of the config')
        return
    gain = (
        numbers['tuned']['held_out']['average_mAP'] -
        numbers['config']['held_out']['average_mAP'])
    if gain <= 0:
        print('the gain does not hold on other videos: keep the settings of '
              'the config')
    if len(args.raw) > 1:
        print(f'of the mean of {len(args.raw)} detectors, for --out of this '
              'command:')
    options = ' '.join(f'model.postprocessor.{key}={value}'
                       for key, value in changed.items())
    print(f'--cfg-options {options}\nor in a child config:\nmodel = dict('
          f'postprocessor={as_code(nested(changed))})')


def as_code(value: Any) -> str:
    """A value as a config has it, with ``dict(...)`` for dicts."""
    if not isinstance(value, dict):
        return repr(value)
    items = ', '.join(f'{k}={as_code(v)}' for k, v in value.items())
    return f'dict({items})'


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    run(tune, parse_args(args))


if __name__ == '__main__':
    main()
