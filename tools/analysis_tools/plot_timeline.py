"""Draw detections of some videos below their ground truth, as one image."""
import argparse
from typing import Optional, Sequence

from scored_videos import add_reading_options, read_detections, rename_ids

from dyfadet_mm.evaluation import (load_ground_truth,
                                   load_predictions_and_classes, renaming_hint)
from dyfadet_mm.fileio import brief, load_database, user_errors
from dyfadet_mm.visualization import draw_timeline, save_figure


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'predictions', help='JSON with "results", as TADMapMetric writes it')
    parser.add_argument('annotations', help='JSON in the ActivityNet layout')
    parser.add_argument(
        '--out', required=True, help='image to write; an old one is replaced')
    parser.add_argument(
        '--subset',
        nargs='+',
        help='subsets of the videos; needed if there are several')
    parser.add_argument(
        '--videos', nargs='+', help='video ids (default: the first ones)')
    parser.add_argument(
        '--num-videos',
        type=int,
        default=4,
        help='how many without --videos (default: %(default)s)')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='lowest score drawn (default: %(default)s)')
    parser.add_argument(
        '--max-detections', type=int, help='most detections of a video')
    parser.add_argument('--title', help='line above the figure')
    add_reading_options(parser)
    return parser.parse_args(args)


def choose_videos(args: argparse.Namespace, known: Sequence[str],
                  detected: Sequence[str]) -> Sequence[str]:
    """Pick the videos to draw.

    Args:
        args (Namespace): As of :func:`parse_args`.
        known (Sequence[str]): Ids of the subset.
        detected (Sequence[str]): Ids of the predictions.

    Returns:
        list[str]: Those named, or the first of the subset that have been
        detected in.

    Raises:
        ValueError: If a named video is unknown, or there is none.
    """
    if args.num_videos < 1:
        raise ValueError(
            f'--num-videos must be at least 1, but got {args.num_videos}')
    if args.videos is None:
        chosen = [v for v in known if v in detected][:args.num_videos]
        if not chosen:
            raise ValueError(
                'predictions must hold videos of the chosen subset, but got '
                f'{brief(sorted(detected)[:3])}'
                f'{renaming_hint(detected, known)}')
        return chosen
    unknown = [v for v in args.videos if v not in known]
    if unknown:
        raise ValueError('videos must be in the chosen subset of the '
                         f'annotation file, but got {unknown}')
    return args.videos


def plot(args: argparse.Namespace) -> None:
    """Draw what the command line names.

    Args:
        args (Namespace): As of :func:`parse_args`.
    """
    ground_truth, classes = load_ground_truth(
        args.annotations, args.subset, ignore_labels=args.ignore_labels)
    # what is only drawn may have labels of its own
    (predictions, classes), _ = read_detections(load_predictions_and_classes,
                                                args.predictions, classes,
                                                args.strict)
    predictions = rename_ids(predictions, args,
                             load_database(args.annotations))
    videos = []
    for video_id in choose_videos(args, list(ground_truth), predictions):
        truth = ground_truth[video_id]
        # a video without entry has no detections
        found = predictions.get(video_id,
                                dict(segments=[], scores=[], labels=[]))
        videos.append(
            dict(
                found,
                video_id=video_id,
                duration=truth['duration'],
                gt_segments=truth['segments'],
                gt_labels=truth['labels']))
    count = f'{len(videos)} of {len(ground_truth)} videos'
    figure = draw_timeline(
        videos,
        classes,
        score_thr=args.score_thr,
        max_detections=args.max_detections,
        title=count if args.title is None else f'{args.title}: {count}')
    save_figure(figure, args.out)
    print(f'timelines of {count} are in {args.out}')


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    with user_errors():
        plot(args)


if __name__ == '__main__':
    main()
