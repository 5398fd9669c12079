"""Convert what people have labelled in an annotation tool.

    python tools/dataset_converters/annotations_to_tad.py export.json \\
        --labeling-config labels.xml --videos videos/ \\
        --validation kitchen_08 kitchen_11 --out data/mine/annotations.json

Formats: Label Studio (JSON), CVAT for video 1.1 (XML), VIA 3 (JSON), ELAN
(.eaf), X-AnyLabeling (JSON beside each video), and tables (CSV or TSV with the
columns video, start, end, label). CVAT, ELAN and X-AnyLabeling have one file
per video: name them all, or their folder. Video ids are the names of the video
files without suffix. Durations and frame rates are those of the files where
they have them, and --videos and --fps win over them.
"""
import argparse
import os
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from converter_entries import (Conversion, assign_label_ids, drop_excluded,
                               make_entry)
from converter_inputs import read_classes, read_ids, read_json
from converter_outputs import check_output, make_parser, write_annotations
from video_info import HELP, read_video_info

from dyfadet_mm.fileio import MissingFieldError, brief, naming, user_errors
from dyfadet_mm.fileio.annotation_tools import (ToolFile, ToolVideo, read_cvat,
                                                read_elan, read_label_studio,
                                                read_table, read_via,
                                                read_x_anylabeling)

# a difference of frame rates that matters
TOLERANCE = 0.01


class Format(NamedTuple):
    """A format of annotations.

    Attributes:
        suffixes (tuple[str]): Of its files.
        read (callable): Reader, which takes a file and options.
        options (tuple[str]): Those of the command line that it takes.
    """
    suffixes: Sequence[str]
    read: Callable[..., ToolFile]
    options: Sequence[str] = ()


FORMATS = {
    'label-studio':
    Format(('.json', ), read_label_studio,
           ('labeling_config', 'frame_rate', 'annotation')),
    'cvat':
    Format(('.xml', ), read_cvat),
    'via':
    Format(('.json', ), read_via, ('attribute', )),
    'elan':
    Format(('.eaf', ), read_elan, ('label_from', )),
    'x-anylabeling':
    Format(('.json', ), read_x_anylabeling),
    'csv':
    Format(('.csv', '.tsv'), read_table)
}


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, classes=True)
    parser.add_argument(
        'annotations', nargs='+', help='files of the tool, or folders of them')
    parser.add_argument(
        '--format',
        choices=FORMATS,
        help='format of the files (default: told by their names and content)')
    parser.add_argument('--videos', metavar='FOLDER_OR_TABLE', help=HELP)
    parser.add_argument(
        '--fps',
        type=float,
        help='frames per second of all videos, which wins over the files')
    parser.add_argument(
        '--subset',
        default='training',
        help='subset of the videos (default: %(default)s, or that of a table)')
    for name in ('validation', 'test'):
        parser.add_argument(
            f'--{name}',
            nargs='+',
            default=[],
            metavar='ID_OR_FILE',
            help=f'videos of the subset {name}: ids, or files with one id '
            'per line or a JSON list of ids')
    group = parser.add_argument_group('Label Studio')
    group.add_argument(
        '--labeling-config',
        metavar='XML',
        help='labelling config of the project, which has the frame rate')
    group.add_argument(
        '--frame-rate',
        type=float,
        help='frameRate of the labelling config, where that is not at hand: '
        '24 unless it was set')
    group.add_argument(
        '--annotation',
        choices=('last', 'first'),
        default='last',
        help='which of several annotations of a task, of those that are not '
        'cancelled (default: %(default)s)')
    parser.add_argument(
        '--attribute',
        help='VIA: name of the attribute that holds the label (default: the '
        'only one of temporal segments)')
    parser.add_argument(
        '--label-from',
        choices=('value', 'tier'),
        default='value',
        help='ELAN: where the label is (default: the value of an annotation, '
        'or its tier if that is empty)')
    args = parser.parse_args(args)
    for name in ('fps', 'frame_rate'):
        value = getattr(args, name)
        if value is not None and not 0 < value < float('inf'):
            parser.error(f'--{name.replace("_", "-")} must be above 0, but '
                         f'got {value}')
    return args


def find_files(paths: Sequence[str], name: Optional[str]) -> List[str]:
    """Files of annotations among files and folders.

    Args:
        paths (Sequence[str]): Files, which are kept, and folders.
        name (str, optional): A key of ``FORMATS``, which says what is
            looked for in folders.

    Returns:
        list[str]: Files.

    Raises:
        FileNotFoundError: If a folder has none.
    """
    formats = FORMATS.values() if name is None else [FORMATS[name]]
    suffixes = {suffix for each in formats for suffix in each.suffixes}
    files = []
    for path in paths:
        if not os.path.isdir(path):
            files.append(path)
            continue
        inside = sorted(
            str(file) for file in Path(path).rglob('*')
            if file.suffix.lower() in suffixes and file.is_file())
        if not inside:
            raise FileNotFoundError(
                f'folder {path!r} must have files of annotations '
                f'({", ".join(sorted(suffixes))}), but has none')
        files += inside
    return files


def guess_format(path: str) -> str:
    """Tell the format of a file.

    Args:
        path (str): File.

    Returns:
        str: A key of ``FORMATS``.

    Raises:
        ValueError: If nothing tells it.
    """
    suffix = os.path.splitext(path)[1].lower()
    names = [k for k, each in FORMATS.items() if suffix in each.suffixes]
    if len(names) == 1:
        return names[0]
    content = read_json(path) if names else None
    if isinstance(content, list):
        return 'label-studio'
    if isinstance(content, dict) and 'metadata' in content:
        return 'via'
    if isinstance(content, dict) and 'segments' in content:
        return 'x-anylabeling'
    keys = sorted(content) if isinstance(content, dict) else []
    raise ValueError(f'{path!r} must be a file of {", ".join(FORMATS)}, but '
                     f'got {brief(keys) if names else brief(suffix)}; name '
                     'its kind with --format')


def read_files(args: argparse.Namespace) -> ToolFile:
    """Read all files that the command line names.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        ToolFile: What they have.

    Raises:
        ValueError: If a video is in two of them.
    """
    found = ToolFile({}, Counter(), [])
    for path in find_files(args.annotations, args.format):
        chosen = FORMATS[args.format or guess_format(path)]
        options = {name: getattr(args, name) for name in chosen.options}
        with naming(repr(path)):
            one = chosen.read(path, **options)
        for video_id, video in one.videos.items():
            found.add(video_id, video)
        found.dropped.update(one.dropped)
        found.notes.extend(one.notes)
    return found


def convert(args: argparse.Namespace) -> Conversion:
    """Convert what the command line names.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        Conversion: Annotations.

    Raises:
        KeyError: If a video has no duration.
        ValueError: If a label is not among the classes.
    """
    classes = read_classes(args.classes)
    found = read_files(args)
    for note in found.notes:
        print(f'note: {note}')
    videos = drop_excluded(found.videos, args.exclude, found.dropped)
    info = {} if args.videos is None else read_video_info(args.videos, videos)
    compare_rates(videos, info, args.fps)
    subsets = read_subsets(args, videos)
    database = {}
    for video_id, video in videos.items():
        fps = args.fps or info.get(video_id, {}).get('fps') or video.fps
        video = video.in_seconds(fps)
        duration = info.get(video_id, {}).get('duration') or video.duration
        if duration is None:
            raise MissingFieldError(
                f'{video.where}: the duration of video {brief(video_id)} must '
                'be known, but the file has none'
                f'{", nor has --videos" if args.videos else ""}; give '
                '--videos, a folder of the videos or a table')
        check_labels(video, classes)
        database[video_id] = make_entry(
            subsets.get(video_id, video.subset or args.subset), duration,
            [action[:3] for action in video.actions], found.dropped,
            **(dict(fps=fps) if fps else {}))
    classes = assign_label_ids(database, classes)
    return Conversion(database, classes, found.dropped)


def compare_rates(videos: Dict[str, ToolVideo], info: Dict[str, dict],
                  fps: Optional[float]) -> None:
    """Compare the frame rate of a tool with those of the videos.

    Args:
        videos (dict[str, ToolVideo]): By id, as read.
        info (dict[str, dict]): ``fps`` and ``duration`` of the video files.
        fps (float, optional): That of ``--fps``.

    Raises:
        ValueError: If an action starts after the end of its video, which
            shows that the rate is wrong.
    """
    others: Dict[str, Any] = {}
    for video_id, video in videos.items():
        if video.rate in (None, 1.):
            continue
        known = info.get(video_id, {})
        real = fps or known.get('fps') or video.fps
        duration = known.get('duration') or video.duration
        for action in video.actions:
            if duration and action.start / video.rate > duration:
                raise ValueError(
                    f'{action.where}: frame rate must be that of the '
                    f'labelling config, but at {video.rate:g} frame '
                    f'{action.start:g} is at '
                    f'{action.start / video.rate:.2f} s of {duration:.2f} s; '
                    'correct --frame-rate or --labeling-config')
        if real and abs(real / video.rate - 1) > TOLERANCE:
            others[video_id] = real, video.rate
    if others:
        video_id, (real, rate) = next(iter(others.items()))
        print(f'note: {len(others)} videos have another frame rate than that '
              f'of Label Studio, such as {brief(video_id)} with {real:g} '
              f'instead of {rate:g}: what is read as {60:g} s would be '
              f'{60 * rate / real:.2f} s if the labels were made at {real:g}')


def check_labels(video: ToolVideo, classes: Optional[Sequence[str]]) -> None:
    """Refuse labels that are no classes.

    Args:
        video (ToolVideo): With actions.
        classes (Sequence[str], optional): Names. None allows any.

    Raises:
        ValueError: If a label is not among them.
    """
    for action in video.actions:
        if classes is not None and action.label not in classes:
            raise ValueError(
                f'{action.where}: label must be one of the {len(classes)} of '
                f'--classes, but got {brief(action.label)}; correct it, or '
                'add it there')


def read_subsets(args: argparse.Namespace,
                 videos: Dict[str, ToolVideo]) -> Dict[str, str]:
    """Subsets that the command line gives to single videos.

    Args:
        args (Namespace): With ``validation`` and ``test``.
        videos (dict): By id.

    Returns:
        dict[str, str]: Subset by video id.

    Raises:
        ValueError: If a video is unknown, or in two subsets.
    """
    subsets: Dict[str, str] = {}
    for name in ('validation', 'test'):
        for video_id in read_ids(getattr(args, name)):
            if video_id not in videos:
                raise ValueError(
                    f'videos of --{name} must be among those annotated, such '
                    f'as {brief(sorted(videos)[:2])}, but got '
                    f'{brief(video_id)}')
            if subsets.setdefault(video_id, name) != name:
                raise ValueError(f'video {brief(video_id)} must be in one '
                                 'subset, but is in --validation and --test')
    return subsets


def main(args: Optional[Sequence[str]] = None) -> None:
    """Convert what the command line names; an error ends in one line."""
    args = parse_args(args)
    with user_errors(ImportError):
        check_output(args.out, args)
        write_annotations(args.out, 'own', convert(args), args)


if __name__ == '__main__':
    main()
