"""Convert the annotations of THUMOS14.

    python tools/dataset_converters/thumos14_to_tad.py \\
        TH14_Temporal_annotations_validation TH14_Temporal_annotations_test \\
        --videos thumos14/videos --out data/thumos14/annotations/thumos14.json

The official folders have one text file per class, such as
BaseballPitch_val.txt and BaseballPitch_test.txt, with lines "video start end"
in seconds; folders in them are searched. Durations and fps come from --videos.
Subsets are named Validation (for training) and Test, label_id follows the
alphabet.

Ambiguous actions are left out, and with them video_test_0001292, which has no
other; that leaves the 212 test videos of the published file. OpenTAD uses 211:
--exclude video_test_0000270, which is annotated past its end.
"""
import argparse
from collections import Counter
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from converter_entries import (Conversion, assign_label_ids, drop_excluded,
                               make_entry)
from converter_inputs import REMEDY, check_order, to_number
from converter_outputs import check_output, make_parser, write_annotations
from video_info import HELP, read_video_info

from dyfadet_mm.datasets import THUMOS14Dataset
from dyfadet_mm.fileio import brief, check_video_id, read_bytes, user_errors

CLASSES = THUMOS14Dataset.METAINFO['classes']
AMBIGUOUS = 'Ambiguous'
SUBSETS = dict(val='Validation', test='Test')  # by suffix of the file names


class Line(NamedTuple):
    """A line of a file.

    Attributes:
        where (str): File and number of the line.
        subset (str): Name of the subset.
        start, end (float): Seconds.
        label (str): Name of the class.
    """
    where: str
    subset: str
    start: float
    end: float
    label: str


def convert(folders: Sequence[str],
            videos: str,
            excluded: Sequence[str] = (),
            keep_ambiguous: bool = False) -> Conversion:
    """Convert the official folders.

    Args:
        folders (Sequence[str]): Folders of text files.
        videos (str): Folder of videos or table, for durations and ``fps``.
        excluded (Sequence[str]): Video ids, or files of them.
        keep_ambiguous (bool): Whether ``Ambiguous`` is a 21st class, the
            last. Defaults to False.

    Returns:
        Conversion: Annotations.
    """
    dropped: Counter = Counter()
    lines: Dict[str, List[Line]] = {}
    for path, label, subset in find_files(folders):
        for video_id, line in read_lines(path, label, subset):
            actions = lines.setdefault(video_id, [])
            if actions and actions[0].subset != subset:
                raise ValueError(
                    f'{line.where}: video {brief(video_id)} must be of one '
                    f'subset, but got it at {actions[0].where} too')
            actions.append(line)
    lines = drop_excluded(lines, excluded, dropped)
    classes = CLASSES + (AMBIGUOUS, ) * keep_ambiguous
    lines = drop_other_labels(lines, classes, dropped)
    info = find_info(videos, lines)
    database = {
        video_id:
        make_entry(
            lines[video_id][0].subset,
            actions=[(x.start, x.end, x.label) for x in lines[video_id]],
            dropped=dropped,
            **{
                k: v
                for k, v in info[video_id].items() if k != 'size'
            })
        for video_id in sorted(lines)
    }
    return Conversion(database, assign_label_ids(database, classes), dropped)


def find_files(folders: Sequence[str]) -> List[Tuple[Path, str, str]]:
    """Find the files of all classes.

    Args:
        folders (Sequence[str]): Folders, searched with all in them.

    Returns:
        list[tuple]: Path, class and subset, ordered by class.

    Raises:
        ValueError: If a class of a subset has no file or two, or a file is
            of no class.
    """
    files: Dict[Tuple[str, str], Path] = {}
    for folder in folders:
        for path in sorted(Path(folder).rglob('*_*.txt')):
            label, suffix = path.stem.rsplit('_', 1)
            if suffix not in SUBSETS or path.name.startswith('.'):
                continue
            if label not in CLASSES + (AMBIGUOUS, ):
                raise ValueError(f"'{path}' must be named after a class of "
                                 f'THUMOS14, but got {label!r}')
            if (label, suffix) in files:
                raise ValueError(f"'{path}' must be the only file of its "
                                 f"name, but got '{files[label, suffix]}' too")
            files[label, suffix] = path
    found = [
        suffix for suffix in SUBSETS if any(k[1] == suffix for k in files)
    ]
    lacking = [
        f'{label}_{suffix}.txt' for suffix in found for label in CLASSES
        if (label, suffix) not in files
    ]
    if lacking or not found:
        raise ValueError(
            f'{list(folders)} must have one text file per class, named '
            f'CLASS_val.txt or CLASS_test.txt, but got {len(files)} files' +
            (f' without {lacking[:3]}' if lacking else ''))
    return [(path, label, SUBSETS[suffix])
            for (label, suffix), path in sorted(files.items())]


def read_lines(path: Path, label: str, subset: str) -> List[Tuple[str, Line]]:
    """Read the actions of one file.

    Args:
        path (Path): Text file.
        label (str): Its class.
        subset (str): Its subset.

    Returns:
        list[tuple[str, Line]]: Video id and action.

    Raises:
        ValueError: If a line is not ``video start end``.
    """
    lines = []
    content = read_bytes(str(path), 'file', REMEDY).decode(errors='replace')
    for number, text in enumerate(content.splitlines(), 1):
        if not text.strip():
            continue
        where = f"'{path}', line {number}"
        fields = text.split()
        if len(fields) != 3:
            raise ValueError(f'{where} must be "video start end" in seconds, '
                             f'but got {brief(text)}')
        check_video_id(fields[0], f'in {where}')
        start = to_number(where, 'start', fields[1])
        end = to_number(where, 'end', fields[2])
        check_order(where, start, end)
        lines.append((fields[0], Line(where, subset, start, end, label)))
    return lines


def drop_other_labels(lines: Dict[str, List[Line]], classes: Sequence[str],
                      dropped: Counter) -> Dict[str, List[Line]]:
    """Leave out actions of other classes, and videos with no others.

    Args:
        lines (dict): Actions by video id.
        classes (Sequence[str]): Names to keep.
        dropped (Counter): What was left out so far; counted on.

    Returns:
        dict: The rest.
    """
    kept = {}
    for video_id, actions in lines.items():
        rest = [line for line in actions if line.label in classes]
        dropped[f'actions that are {AMBIGUOUS}'] += len(actions) - len(rest)
        if rest:
            kept[video_id] = rest
        else:
            dropped[f'videos with {AMBIGUOUS} actions only'] += 1
    return kept


def find_info(videos: str, lines: Dict[str, List[Line]]) -> Dict[str, dict]:
    """Look durations up.

    Args:
        videos (str): Folder of videos or table.
        lines (dict): Actions by video id.

    Returns:
        dict: ``duration`` in seconds and, where known, ``fps``, by id.

    Raises:
        ValueError: If a video is missing.
    """
    info = read_video_info(videos, lines)
    unknown = [k for k in lines if 'duration' not in info.get(k, {})]
    if unknown:
        line = lines[unknown[0]][0]
        raise ValueError(
            f'{line.where}: video {brief(unknown[0])} must have a duration in '
            f'{videos!r}, but got none, as for {len(unknown)} of {len(lines)} '
            'videos; add them, or leave them out with --exclude')
    return info


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        'annotations', nargs='+', help='folders of the official text files')
    parser.add_argument(
        '--videos',
        required=True,
        help=f'where durations and fps come from: {HELP}')
    parser.add_argument(
        '--keep-ambiguous',
        action='store_true',
        help=f'keep {AMBIGUOUS} actions, as a 21st class')
    return parser.parse_args(args)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Convert what the command line names."""
    args = parse_args(args)
    with user_errors(ImportError):
        check_output(args.out, args)
        result = convert(args.annotations, args.videos, args.exclude,
                         args.keep_ambiguous)
        write_annotations(args.out, 'THUMOS14', result, args)


if __name__ == '__main__':
    main()
