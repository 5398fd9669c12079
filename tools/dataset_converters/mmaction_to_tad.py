"""Convert annotations for MMAction2's localizers (BMN, BSN, TCANet).

    python tools/dataset_converters/mmaction_to_tad.py \\
        --training anet_anno_train.json --validation anet_anno_val.json \\
        --out data/activitynet/annotations/anet.json

MMAction2 has one file per subset, a JSON object of videos by name with
duration_second, duration_frame and annotations. Names lose a leading "v_", so
that score files find them: set file_prefix='v_' of the data set. fps becomes
duration_frame / duration_second, the true rate. Classes are numbered in
sorted order of all files, or in the order of --classes.
"""
import argparse
from collections import Counter
from typing import Dict, Optional, Sequence

from converter_entries import (Conversion, assign_label_ids, drop_excluded,
                               parse_entry)
from converter_inputs import get_field, read_classes, read_json
from converter_outputs import check_output, make_parser, write_annotations

from dyfadet_mm.fileio import brief, check_video_id, user_errors

SUBSETS = ('training', 'validation', 'testing')


def convert(
    files: Dict[str, str],
    classes: Optional[Sequence[str]] = None,
    excluded: Sequence[str] = ()
) -> Conversion:
    """Convert one file per subset.

    Args:
        files (dict[str, str]): JSON file by subset.
        classes (Sequence[str], optional): Names in label order. Defaults to
            None, sorted.
        excluded (Sequence[str]): Video ids without ``v_``, or files of them.

    Returns:
        Conversion: Annotations.
    """
    dropped: Counter = Counter()
    videos = drop_excluded(read_videos(files), excluded, dropped)
    database = {
        video_id: parse_entry(files[entry['subset']], video_id, entry, dropped)
        for video_id, entry in videos.items()
    }
    return Conversion(database, assign_label_ids(database, classes), dropped)


def read_videos(files: Dict[str, str]) -> Dict[str, dict]:
    """Read the files, and rename their fields.

    Args:
        files (dict[str, str]): JSON file by subset.

    Returns:
        dict: Entry by video id: ``subset``, ``duration`` in seconds,
        ``frame`` and ``annotations``.

    Raises:
        KeyError: If an entry lacks a field.
        TypeError: If a file has another layout.
        ValueError: If a video is in two files, or twice in one.
    """
    videos: Dict[str, dict] = {}
    for subset, path in files.items():
        content = read_json(path)
        if not isinstance(content, dict) or 'database' in content:
            raise TypeError(
                f'{path!r} must be a JSON object of videos by name, but got '
                f'{brief(content)}; a file with "database" is for '
                'activitynet_to_tad.py, or needs no conversion')
        for name, entry in content.items():
            where = f'video {brief(name)} in {path!r}'
            video_id = name[2:] if name.startswith('v_') else name
            check_video_id(video_id, f'of {path!r}')
            if video_id in videos:
                raise ValueError(f'{where} must be unique, but got it in '
                                 f'{files[videos[video_id]["subset"]]!r} too')
            videos[video_id] = dict(
                subset=subset,
                duration=get_field(where, entry, 'duration_second'),
                frame=get_field(where, entry, 'duration_frame'),
                annotations=entry.get('annotations'))
    return videos


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, classes=True)
    for subset in SUBSETS:
        parser.add_argument(
            f'--{subset}',
            metavar='FILE',
            help=f'JSON file of the subset {subset!r}, times in seconds')
    args = parser.parse_args(args)
    if not any(getattr(args, subset) for subset in SUBSETS):
        parser.error('at least one file is needed: --training, --validation '
                     'or --testing')
    return args


def main(args: Optional[Sequence[str]] = None) -> None:
    """Convert what the command line names."""
    args = parse_args(args)
    files = {
        subset: getattr(args, subset)
        for subset in SUBSETS if getattr(args, subset)
    }
    with user_errors(ImportError):
        check_output(args.out, args)
        result = convert(files, read_classes(args.classes), args.exclude)
        write_annotations(args.out, 'MMAction2', result, args)


if __name__ == '__main__':
    main()
