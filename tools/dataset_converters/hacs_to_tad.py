"""Convert the annotations of HACS Segments 1.1.1.

    python tools/dataset_converters/hacs_to_tad.py HACS_segments_v1.1.1.json \\
        --out data/hacs/annotations/HACS_segments_v1.1.1_slowfast.json

The official file has the layout of ActivityNet, but durations are strings,
some actions have no length (they are dropped), and there is neither label_id
nor fps. The 200 classes are those of ActivityNet, numbered in the same sorted
order, or in the order of --classes. SlowFast features need no fps in the file;
for VideoMAE V2 features, whose rate is that of each video, give --videos.
"""
import argparse
from collections import Counter
from typing import Dict, Optional, Sequence

from converter_entries import Conversion, assign_label_ids, read_layout
from converter_outputs import make_parser, run_conversion
from video_info import HELP, read_video_info

from dyfadet_mm.fileio import brief

NUM_CLASSES = 200


def convert(annotations: str,
            classes: Optional[Sequence[str]] = None,
            excluded: Sequence[str] = (),
            videos: Optional[str] = None) -> Conversion:
    """Convert the official file.

    Args:
        annotations (str): Official JSON file.
        classes (Sequence[str], optional): Names in label order. Defaults to
            None, all 200 sorted.
        excluded (Sequence[str]): Video ids, or files of them.
        videos (str, optional): Folder of videos or table, for ``fps``.
            Defaults to None.

    Returns:
        Conversion: Annotations.
    """
    dropped: Counter = Counter()
    database = read_layout(annotations, excluded, dropped)
    classes = assign_label_ids(database, classes, NUM_CLASSES)
    if videos is not None:
        add_fps(database, videos)
    return Conversion(database, classes, dropped)


def add_fps(database: Dict[str, dict], videos: str) -> None:
    """Add ``fps`` to every entry, in place.

    Args:
        database (dict): Entry by video id.
        videos (str): Folder of videos or table.

    Raises:
        ValueError: If it has no rate for some videos.
    """
    info = read_video_info(videos, database)
    unknown = [k for k in database if 'fps' not in info.get(k, {})]
    if unknown:
        raise ValueError(
            f'{videos!r} must have the fps of all {len(database)} videos, but '
            f'got none for {len(unknown)}, such as {brief(unknown[:3])}; add '
            'them, or list them in a file for --exclude')
    for video_id, entry in database.items():
        entry['fps'] = info[video_id]['fps']


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, classes=True)
    parser.add_argument(
        'annotations', help='official JSON file, times in seconds')
    parser.add_argument('--videos', help=f'where fps comes from: {HELP}')
    return parser.parse_args(args)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Convert what the command line names."""
    args = parse_args(args)
    run_conversion(args, 'HACS-Segments-1.1.1', convert, args.videos)


if __name__ == '__main__':
    main()
