"""Write predictions for an annotation tool, or for the server of a challenge.

    python tools/misc/export_predictions.py predictions.json \\
        --format label-studio --videos videos/ --out tasks.json

For annotation tools, detections above --score-thr become labels to correct:
Label Studio (tasks, and the labelling config beside them), CVAT for video 1.1
and ELAN (one file per video, --out is a folder), VIA 3, and a table (CSV or
TSV). What was corrected is read by
tools/dataset_converters/annotations_to_tad.py. An annotation file in the
layout of ActivityNet is taken as well, to correct annotations.

Submissions hold all detections: activitynet, hacs, thumos14 and ego4d-mq
(JSON), epic-kitchens (zip; give the predictions of verbs, and --nouns).
"""
import argparse
import os
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from dyfadet_mm.evaluation import (detections_of, load_predictions,
                                   load_predictions_and_classes,
                                   make_ego4d_submission, make_epic_submission,
                                   make_submission, pair_detections,
                                   rename_videos, save_submission)
from dyfadet_mm.fileio import FileNames, brief
from dyfadet_mm.fileio.annotation_tools import (ToolVideo, write_cvat,
                                                write_elan, write_label_studio,
                                                write_table, write_via)

# what reads annotations, videos and predictions, in folders beside this one
for folder in ('dataset_converters', 'analysis_tools'):
    sys.path.append(str(Path(__file__).resolve().parents[1] / folder))
from converter_outputs import check_output, user_errors
from export_inputs import SCORE_THR, complete, read_class_order, read_videos
from scored_videos import add_strict_option, read_detections
from video_info import HELP

SUFFIXES = {
    'label-studio': ('.json', ),
    'via': ('.json', ),
    'csv': ('.csv', '.tsv'),
    'activitynet': ('.json', ),
    'hacs': ('.json', ),
    'thumos14': ('.json', ),
    'epic-kitchens': ('.zip', ),
    'ego4d-mq': ('.json', )
}
FOLDERS = {'cvat': '.xml', 'elan': '.eaf'}
FORMATS = (*SUFFIXES, *FOLDERS)
TOOLS = ('label-studio', 'cvat', 'via', 'elan', 'csv')


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'predictions',
        help='JSON with "results", as TADMapMetric writes it, or annotations '
        'with "database"')
    parser.add_argument(
        '--format', required=True, choices=FORMATS, help='what is written')
    parser.add_argument(
        '--out',
        required=True,
        help='file to write; a folder for cvat and elan')
    parser.add_argument(
        '--force', action='store_true', help='overwrite existing files')
    parser.add_argument(
        '--score-thr',
        type=float,
        help=f'lowest score written (default: {SCORE_THR} for annotation '
        'tools, all for submissions)')
    parser.add_argument(
        '--rename-ids',
        nargs=2,
        metavar=('OLD', 'NEW'),
        help="change video ids, as in '{}' 'v_{}' to put v_ before them, or "
        "'v_{}' '{}' to take it away")
    add_strict_option(parser)
    parser.add_argument(
        '--classes',
        nargs='+',
        metavar='FILE',
        help='class names, of which some may have no detection: a text file '
        'with one name per line, a JSON list, or an annotation file; for '
        'epic-kitchens those of verbs and of nouns, in the order of the '
        'official ids')
    group = parser.add_argument_group('annotation tools')
    group.add_argument('--videos', metavar='FOLDER_OR_TABLE', help=HELP)
    group.add_argument(
        '--fps', type=float, help='frames per second of all videos')
    group.add_argument(
        '--video-url',
        metavar='PREFIX',
        help='what stands before the names of video files in label-studio '
        '(default: that of its local files), via and elan')
    group = parser.add_argument_group('submissions')
    group.add_argument(
        '--nouns', help='epic-kitchens: predictions of the noun model')
    group.add_argument(
        '--retrieved',
        help='ego4d-mq: predictions for recall, of the same model with less '
        'suppression (default: the same)')
    args = parser.parse_args(args)
    if args.fps is not None and not 0 < args.fps < float('inf'):
        parser.error(f'--fps must be above 0, but got {args.fps}')
    suffix = os.path.splitext(args.out)[1].lower()
    if args.format in FOLDERS and suffix == FOLDERS[args.format]:
        parser.error(f'--out of {args.format} must be a folder, for a file '
                     f'{suffix} of each video, but got {args.out!r}')
    if args.format not in FOLDERS and suffix not in SUFFIXES[args.format]:
        parser.error(f'--out of {args.format} must end in '
                     f'{" or ".join(SUFFIXES[args.format])}, but got '
                     f'{args.out!r}')
    return args


def export_to_tool(args: argparse.Namespace) -> List[str]:
    """Write the files of an annotation tool.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        list[str]: The files.
    """
    videos, classes = read_videos(args)
    if args.rename_ids is not None:
        videos = rename_videos(videos, *args.rename_ids)
    videos = complete(videos, args)
    url = {} if args.video_url is None else dict(url=args.video_url)
    if args.format in FOLDERS:
        files = write_folder(args, videos, classes)
    elif args.format == 'label-studio':
        check_output(os.path.splitext(args.out)[0] + '.xml', args)
        files = write_label_studio(args.out, videos, classes, **url)
    elif args.format == 'via':
        files = write_via(args.out, videos, classes, **url)
    else:
        files = write_table(args.out, videos, classes)
    actions = sum(len(video.actions) for video in videos.values())
    print(f'{actions} actions of {len(videos)} videos')
    return files


def write_folder(args: argparse.Namespace, videos: Dict[str, ToolVideo],
                 classes: Sequence[str]) -> List[str]:
    """Write a file of every video.

    Args:
        args (Namespace): As of :func:`parse_args`.
        videos (dict[str, ToolVideo]): By id.
        classes (Sequence[str]): Names of the labels.

    Returns:
        list[str]: The files; if one of them exists, none is written.
    """
    names = FileNames()
    paths = {
        video_id: os.path.join(args.out,
                               names(video_id) + FOLDERS[args.format])
        for video_id in videos
    }
    for path in paths.values():
        check_output(path, args)
    write, options = write_cvat, {}
    if args.format == 'elan':
        write = write_elan
        options = {} if args.video_url is None else dict(url=args.video_url)
    return [
        file for video_id, video in videos.items()
        for file in write(paths[video_id], video_id, video, classes, **options)
    ]


def export_submission(args: argparse.Namespace) -> List[str]:
    """Write a submission.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        list[str]: The file.

    Raises:
        ValueError: If an option is missing, or the submission would be
            refused.
    """
    if args.format == 'epic-kitchens':
        content = make_epic_submission(rename(pair_epic(args), args))
    else:
        results = read_results(args.predictions, args)
        if args.format == 'ego4d-mq':
            retrieved = results if args.retrieved is None else read_results(
                args.retrieved, args)
            content = make_ego4d_submission(results, retrieved)
        else:
            content = make_submission(results)
    save_submission(args.out, content)
    results = content.get('results', content.get('detect_results'))
    print(f'{sum(map(len, results.values()))} detections of {len(results)} '
          'videos')
    return [args.out]


def read_results(path: str, args: argparse.Namespace) -> Dict[str, List[dict]]:
    """Read detections as submissions list them.

    Args:
        path (str): Predictions file.
        args (Namespace): As of :func:`parse_args`.

    Returns:
        dict: Detections by id.
    """
    (found, classes), _ = read_detections(load_predictions_and_classes, path,
                                          (), args.strict)
    return rename(detections_of(found, classes, args.score_thr), args)


def rename(videos: dict, args: argparse.Namespace) -> dict:
    """Spell video ids as the command line says."""
    if args.rename_ids is None:
        return videos
    return rename_videos(videos, *args.rename_ids)


def pair_epic(args: argparse.Namespace) -> Dict[str, dict]:
    """Actions of the predictions of verbs and of nouns.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        dict: As of :func:`pair_detections`.

    Raises:
        ValueError: If an option is missing.
    """
    if args.nouns is None or len(args.classes or ()) != 2:
        raise ValueError('epic-kitchens must have the predictions of nouns, '
                         '--nouns FILE, and --classes VERBS NOUNS, in the '
                         'order of the official ids')
    verbs, nouns = (read_detections(load_predictions, path,
                                    read_class_order(names), args.strict)[0]
                    for path, names in zip((args.predictions,
                                            args.nouns), args.classes))
    alone = sorted(set(verbs) ^ set(nouns))
    if alone:
        print(f'note: {len(alone)} videos have predictions of verbs or of '
              f'nouns only and are left out, such as {brief(alone[:3])}')
    actions = pair_detections(verbs, nouns)
    if args.score_thr is not None:
        actions = {
            video_id: {
                key: values[video['scores'] >= args.score_thr]
                for key, values in video.items()
            }
            for video_id, video in actions.items()
        }
    return actions


def main(args: Optional[Sequence[str]] = None) -> None:
    """Write what the command line names; an error ends in one line."""
    args = parse_args(args)
    with user_errors():
        if args.format not in FOLDERS:
            check_output(args.out, args)
        if args.format in TOOLS:
            files = export_to_tool(args)
        else:
            files = export_submission(args)
        for file in files[:5]:
            print(f'  {file}')
        if len(files) > 5:
            print(f'  ... {len(files)} files in all')


if __name__ == '__main__':
    main()
