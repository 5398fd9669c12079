"""Write a page to look at detections: player, timeline and table.

It needs predictions and no network. Open the page with any browser; it works
offline.
"""
import argparse
import os
from typing import Dict, List, Optional, Sequence

from scored_videos import add_reading_options, read_detections, rename_ids

from dyfadet_mm.evaluation import (load_ground_truth,
                                   load_predictions_and_classes, renaming_hint)
from dyfadet_mm.fileio import brief, load_database, user_errors
from dyfadet_mm.visualization import write_report

# what browsers play comes first
SUFFIXES = ('.mp4', '.webm', '.m4v', '.mov', '.ogv', '.mkv', '.avi', '.mpg',
            '.mpeg', '.ts', '.flv', '.wmv')
NOTHING = dict(segments=[], scores=[], labels=[])


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'predictions', help='JSON with "results", as TADMapMetric writes it')
    parser.add_argument(
        'annotations',
        nargs='?',
        help='JSON in the ActivityNet layout, for the ground truth')
    parser.add_argument('--out', required=True, help='HTML file to write')
    parser.add_argument(
        '--force', action='store_true', help='replace an old file')
    parser.add_argument(
        '--videos',
        metavar='DIR',
        help='folder of the video files, named by their ids; the page links '
        'them')
    parser.add_argument(
        '--embed',
        action='store_true',
        help='put the video files into the page, if they are small')
    parser.add_argument(
        '--subset',
        nargs='+',
        help='subsets of the annotations; needed if there are several')
    parser.add_argument(
        '--ids', nargs='+', help='video ids (default: all with detections)')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.1,
        help='score where the slider starts (default: %(default)s)')
    parser.add_argument(
        '--max-detections', type=int, help='most detections of a video')
    parser.add_argument('--title', help='heading of the page')
    add_reading_options(parser)
    return parser.parse_args(args)


def choose_ids(args: argparse.Namespace, predictions: Dict[str, dict],
               ground_truth: Dict[str, dict]) -> List[str]:
    """Pick the videos of the page.

    Args:
        args (Namespace): As of :func:`parse_args`.
        predictions (dict): By video id.
        ground_truth (dict): By video id; empty without annotations.

    Returns:
        list[str]: Those named, or all with detections.

    Raises:
        ValueError: If a named video is unknown, or there is none.
    """
    known = ground_truth or predictions
    if args.ids is not None:
        unknown = [video_id for video_id in args.ids if video_id not in known]
        if unknown:
            raise ValueError('ids must be of videos in the files, but got '
                             f'{brief(unknown)}')
        return args.ids
    chosen = [video_id for video_id in known if video_id in predictions]
    if not chosen:
        raise ValueError(
            'predictions must hold videos of the chosen subset, but got '
            f'{brief(sorted(predictions)[:3])}'
            f'{renaming_hint(predictions, known)}')
    return chosen


def find_files(folder: Optional[str]) -> Dict[str, str]:
    """Video files of a folder.

    Ids are looked up among names and never made to paths, so that none leads
    out of the folder.

    Args:
        folder (str, optional): The folder, or None.

    Returns:
        dict: Paths by names with and without suffix.
    """
    files: Dict[str, str] = {}
    if folder is None:
        return files
    names = [
        name for name in sorted(os.listdir(folder))
        if os.path.splitext(name)[1].lower() in SUFFIXES
    ]
    names.sort(key=lambda n: SUFFIXES.index(os.path.splitext(n)[1].lower()))
    for name in names:
        path = os.path.join(folder, name)
        files.setdefault(name, path)
        files.setdefault(os.path.splitext(name)[0], path)
    return files


def write(args: argparse.Namespace) -> None:
    """Write what the command line names.

    Args:
        args (Namespace): As of :func:`parse_args`.
    """
    ground_truth, classes, known = {}, (), {}
    if args.annotations is not None:
        ground_truth, classes = load_ground_truth(
            args.annotations, args.subset, ignore_labels=args.ignore_labels)
        known = load_database(args.annotations)
    # what is only looked at may have labels of its own
    (predictions, classes), _ = read_detections(load_predictions_and_classes,
                                                args.predictions, classes,
                                                args.strict)
    predictions = rename_ids(predictions, args, known)
    files = find_files(args.videos)
    videos = []
    for video_id in choose_ids(args, predictions, ground_truth):
        video = dict(
            predictions.get(video_id, NOTHING),
            video_id=video_id,
            video=files.get(video_id))
        if video_id in ground_truth:
            truth = ground_truth[video_id]
            video.update(
                duration=truth['duration'],
                gt_segments=truth['segments'],
                gt_labels=truth['labels'])
        videos.append(video)
    write_report(
        args.out,
        videos,
        classes,
        title=args.title,
        score_thr=args.score_thr,
        max_detections=args.max_detections,
        embed_video=args.embed,
        overwrite=args.force)
    count = len(videos)
    print(f'report of {count} video{"s" * (count > 1)} is in {args.out}; '
          'open it with a browser')
    num_found = sum(video['video'] is not None for video in videos)
    if args.videos is not None and num_found < count:
        print(f'{count - num_found} of them have no file in {args.videos}')


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    with user_errors():
        write(args)


if __name__ == '__main__':
    main()
