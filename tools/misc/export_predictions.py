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
from typing import Dict, List, Optional, Sequence, Tuple

from dyfadet_mm.evaluation import (detections_of, load_predictions,
                                   load_predictions_and_classes,
                                   make_ego4d_submission, make_epic_submission,
                                   make_submission, pair_detections,
                                   rename_videos, save_submission)
from dyfadet_mm.fileio import (FileNames, MissingFieldError, brief,
                               extend_classes, load_database, load_json_strict,
                               naming, parse_video, read_bytes,
                               resolve_classes)
from dyfadet_mm.fileio.annotation_tools import (Action, ToolVideo, write_cvat,
                                                write_elan, write_label_studio,
                                                write_table, write_via)

# what reads annotations and videos, in the folder beside this one
sys.path.append(
    str(Path(__file__).resolve().parents[1] / 'dataset_converters'))
from converter_inputs import read_classes
from converter_outputs import check_output, user_errors
from video_info import HELP, find_videos, read_video_info

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
SCORE_THR = 0.3
# what a format needs to know of a video
NEEDED = {'label-studio': ('fps', ), 'cvat': ('fps', 'duration')}


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


def read_class_order(path: str) -> Tuple[str, ...]:
    """Read class names in label order.

    Args:
        path (str): List of names, or annotation file.

    Returns:
        tuple[str]: Names.
    """
    if path.endswith('.json'):
        content = load_json_strict(
            read_bytes(path, 'list of classes', 'give the path of one'),
            repr(path))
        if isinstance(content, dict) and 'database' in content:
            with naming(repr(path)):
                return resolve_classes(load_database(path))
    return read_classes(path)


def read_videos(
        args: argparse.Namespace
) -> Tuple[Dict[str, ToolVideo], Tuple[str, ...]]:
    """Read detections, or annotations.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        tuple: Videos by id, and class names.
    """
    classes: Tuple[str, ...] = ()
    for path in args.classes or ():
        classes = extend_classes(classes, read_class_order(path))
    content = load_json_strict(
        read_bytes(args.predictions, 'predictions file',
                   'give the path of one'), repr(args.predictions))
    if isinstance(content, dict) and 'database' in content:
        return read_annotations(args.predictions, classes)
    score_thr = SCORE_THR if args.score_thr is None else args.score_thr
    found, classes = load_predictions_and_classes(args.predictions, classes)
    return {
        video_id:
        ToolVideo([
            Action(*each['segment'], each['label'], each['score'])
            for each in detections
        ])
        for video_id, detections in detections_of(found, classes,
                                                  score_thr).items()
    }, classes


def read_annotations(
        path: str, classes: Sequence[str]
) -> Tuple[Dict[str, ToolVideo], Tuple[str, ...]]:
    """Read annotations in the layout of ActivityNet.

    Args:
        path (str): JSON file.
        classes (Sequence[str]): Names that come first.

    Returns:
        tuple: As of :func:`read_videos`.
    """
    database = load_database(path)
    videos = {}
    with naming(f'annotation file {path!r}'):
        classes = extend_classes(classes,
                                 resolve_classes(database, allow_empty=True))
        ids = {name: label for label, name in enumerate(classes)}
        for video_id, entry in database.items():
            fps = None if {'fps', 'frame'} & set(entry) else 1.
            info = parse_video(video_id, entry, ids, fps, allow_reversed=False)
            subset = entry.get('subset')
            videos[video_id] = ToolVideo(
                [
                    Action(*segment, classes[label]) for segment, label in zip(
                        info['segments_s'].tolist(), info['labels_s'].tolist())
                ],
                duration=info['duration']
                if info['duration'] < float('inf') else None,
                fps=None if fps else info['fps'],
                subset=subset if isinstance(subset, str) else None)
    return videos, classes


def complete(videos: Dict[str, ToolVideo],
             args: argparse.Namespace) -> Dict[str, ToolVideo]:
    """Add what video files, or a table, tell of the videos.

    Args:
        videos (dict[str, ToolVideo]): By id.
        args (Namespace): As of :func:`parse_args`.

    Returns:
        dict[str, ToolVideo]: The same with file names, and where known
        durations and frame rates.

    Raises:
        KeyError: If one is not known that the format needs.
    """
    info, files = {}, {}
    if args.videos is not None:
        info = read_video_info(args.videos, videos)
        if os.path.isdir(args.videos):
            files = find_videos(args.videos, videos)
    done = {}
    for video_id, video in videos.items():
        known = info.get(video_id, {})
        file = f'{video_id}.mp4'
        if video_id in files:
            file = files[video_id].relative_to(args.videos).as_posix()
        done[video_id] = video._replace(
            file=file,
            size=known.get('size'),
            duration=known.get('duration') or video.duration,
            fps=args.fps or known.get('fps') or video.fps)
        for name in NEEDED.get(args.format, ()):
            if getattr(done[video_id], name) is None:
                raise MissingFieldError(
                    f'{name} of video {brief(video_id)} must be known for '
                    f'{args.format}, whose times are frames; give --videos, a '
                    'folder of the videos or a table'
                    f'{", or --fps" if name == "fps" else ""}')
    return done


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
        names = FileNames()
        paths = {
            video_id:
            os.path.join(args.out,
                         names(video_id) + FOLDERS[args.format])
            for video_id in videos
        }
        for path in paths.values():
            check_output(path, args)
        write = write_elan if args.format == 'elan' else write_cvat
        url = url if args.format == 'elan' else {}
        files = [
            file for video_id, video in videos.items()
            for file in write(paths[video_id], video_id, video, classes, **url)
        ]
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
    found, classes = load_predictions_and_classes(path)
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
    verbs, nouns = (load_predictions(path, read_class_order(names))
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
