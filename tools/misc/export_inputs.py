"""What export_predictions.py reads: detections, classes and videos."""
import argparse
import os
from typing import Dict, Sequence, Tuple

from converter_inputs import read_classes
from scored_videos import read_detections
from video_info import find_videos, read_video_info

from dyfadet_mm.evaluation import detections_of, load_predictions_and_classes
from dyfadet_mm.fileio import (MissingFieldError, brief, extend_classes,
                               load_database, load_json_strict, naming,
                               parse_video, read_bytes, resolve_classes)
from dyfadet_mm.fileio.annotation_tools import Action, ToolVideo

SCORE_THR = 0.3
# what a format needs to know of a video
NEEDED = {'label-studio': ('fps', ), 'cvat': ('fps', 'duration')}


def read_class_order(path: str) -> Tuple[str, ...]:
    """Read class names in label order.

    Args:
        path (str): List of names, or annotation file.

    Returns:
        tuple[str]: Names.
    """
    if path.endswith('.json') and _holds_annotations(path, 'list of classes'):
        with naming(repr(path)):
            return resolve_classes(load_database(path))
    return read_classes(path)


def _holds_annotations(path: str, kind: str) -> bool:
    """Whether a file of a kind is one of annotations."""
    content = load_json_strict(
        read_bytes(path, kind, 'give the path of one'), f'{kind} {path!r}')
    return isinstance(content, dict) and 'database' in content


def read_videos(
        args: argparse.Namespace
) -> Tuple[Dict[str, ToolVideo], Tuple[str, ...]]:
    """Read detections, or annotations.

    Args:
        args (Namespace): Command line of ``export_predictions.py``.

    Returns:
        tuple: Videos by id, and class names.
    """
    classes: Tuple[str, ...] = ()
    for path in args.classes or ():
        classes = extend_classes(classes, read_class_order(path))
    if _holds_annotations(args.predictions, 'predictions file'):
        return read_annotations(args.predictions, classes)
    score_thr = SCORE_THR if args.score_thr is None else args.score_thr
    (found, classes), _ = read_detections(load_predictions_and_classes,
                                          args.predictions, classes,
                                          args.strict)
    return {
        video_id:
        ToolVideo([
            Action(
                max(each['segment'][0], 0), each['segment'][1], each['label'],
                each['score']) for each in detections
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
        args (Namespace): Command line of ``export_predictions.py``.

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
