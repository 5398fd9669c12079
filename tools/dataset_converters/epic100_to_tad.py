"""Convert the annotations of EPIC-KITCHENS-100.

    python tools/dataset_converters/epic100_to_tad.py epic-annotations \\
        --out data/epic100/annotations

The folder is the official repository of annotations, of which it reads
EPIC_100_train.csv, EPIC_100_validation.csv, EPIC_100_video_info.csv and, if
they are there, EPIC_100_test_timestamps.csv, EPIC_100_verb_classes.csv and
EPIC_100_noun_classes.csv. Written are epic_kitchens_100_verb.json and
epic_kitchens_100_noun.json, one detection task each.

Subsets are training, validation and test, the last without actions; times are
seconds, rounded to hundredths; label_id is the official number of the class.
Labels are keys of the class files, or id_007 and the like without them. There
is no fps: features are made at 30 fps, whatever the videos have, and the
config says so.
"""
import argparse
import os
import re
from collections import Counter
from typing import Any, Dict, List, Optional, Sequence, Tuple

from converter_entries import (Conversion, assign_label_ids, drop_excluded,
                               make_entry)
from converter_inputs import check_order, read_csv, read_table, to_number
from converter_outputs import check_output, make_parser, write_annotations

from dyfadet_mm.fileio import (brief, check_video_id, naming, resolve_classes,
                               user_errors)

TASKS = dict(verb=97, noun=300)  # classes
COLUMNS = ('video_id', 'start_timestamp', 'stop_timestamp', 'verb_class',
           'noun_class')
TIME = re.compile(r'(\d+):([0-5]\d):([0-5]\d(?:\.\d+)?)')
Row = Tuple[str, Dict[str, str]]  # file and line, cells


def convert(folder: str, task: str,
            excluded: Sequence[str] = ()) -> Conversion:
    """Convert the official tables for one task.

    Args:
        folder (str): Folder of the tables.
        task (str): ``'verb'`` or ``'noun'``.
        excluded (Sequence[str]): Video ids, or files of them.

    Returns:
        Conversion: Annotations.
    """
    dropped: Counter = Counter()
    info = os.path.join(folder, 'EPIC_100_video_info.csv')
    durations = {
        video_id: to_number(where, 'duration', row['duration'])
        for video_id, (where, row) in read_table(info, ['duration']).items()
    }
    classes = read_class_names(folder, task)
    videos = drop_excluded(read_rows(folder), excluded, dropped)
    database = {}
    for video_id, (subset, rows) in videos.items():
        if video_id not in durations:
            raise ValueError(
                f'{rows[0][0]}: video {brief(video_id)} must be in '
                f'{info!r}, but is not')
        actions = [] if subset == 'test' else [
            parse_action(where, row, f'{task}_class', classes)
            for where, row in rows
        ]
        database[video_id] = make_entry(subset, durations[video_id], actions,
                                        dropped)
    return Conversion(database, assign_label_ids(database, classes), dropped)


def read_rows(folder: str) -> Dict[str, Tuple[str, List[Row]]]:
    """Read the tables of all subsets.

    Args:
        folder (str): Folder of the tables.

    Returns:
        dict[str, tuple]: Subset and rows of every video.

    Raises:
        ValueError: If a video is in two tables.
    """
    tables = [('training', 'EPIC_100_train.csv', COLUMNS),
              ('validation', 'EPIC_100_validation.csv', COLUMNS)]
    test = 'EPIC_100_test_timestamps.csv'
    if os.path.exists(os.path.join(folder, test)):
        tables.append(('test', test, COLUMNS[:1]))
    videos: Dict[str, Any] = {}
    for subset, name, columns in tables:
        for where, row in read_csv(os.path.join(folder, name), columns):
            check_video_id(row['video_id'], f'in {where}')
            known, rows = videos.setdefault(row['video_id'], (subset, []))
            if known != subset:
                raise ValueError(
                    f'{where}: video {brief(row["video_id"])} '
                    f'must be of one subset, but got it at {rows[0][0]} '
                    'too')
            rows.append((where, row))
    return videos


def parse_action(where: str, row: Dict[str, str], column: str,
                 classes: Sequence[str]) -> Tuple[float, float, str]:
    """Convert a row.

    Args:
        where (str): File and line.
        row (dict): Cells.
        column (str): Column of the class.
        classes (Sequence[str]): Names by class number.

    Returns:
        tuple: Start and end in seconds, and the name of the class.

    Raises:
        ValueError: If a cell is out of range.
    """
    start = to_seconds(where, 'start_timestamp', row['start_timestamp'])
    end = to_seconds(where, 'stop_timestamp', row['stop_timestamp'])
    check_order(where, start, end)
    number = to_number(where, column, row[column])
    if number not in range(len(classes)):
        raise ValueError(f'{where}: {column} must be a whole number from 0 to '
                         f'{len(classes) - 1}, but got {brief(row[column])}')
    return start, end, classes[int(number)]


def to_seconds(where: str, name: str, text: str) -> float:
    """Convert a time such as ``'00:01:02.34'`` to seconds.

    Args:
        where (str): File and line.
        name (str): Column.
        text (str): Hours, minutes, and seconds with any decimals.

    Returns:
        float: Seconds, rounded to hundredths.

    Raises:
        ValueError: If it is not of this form.
    """
    found = TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'{where}: {name} must be HH:MM:SS.ss, but got '
                         f'{brief(text)}')
    hours, minutes, seconds = map(float, found.groups())
    return round(3600 * hours + 60 * minutes + seconds, 2)


def read_class_names(folder: str, task: str) -> Tuple[str, ...]:
    """Read the names of all classes, if there is a table of them.

    Args:
        folder (str): Folder of the tables.
        task (str): ``'verb'`` or ``'noun'``.

    Returns:
        tuple[str]: Names by official number.

    Raises:
        ValueError: If a class is missing or comes twice.
    """
    ids = range(TASKS[task])
    path = os.path.join(folder, f'EPIC_100_{task}_classes.csv')
    if not os.path.exists(path):
        return tuple(f'id_{i:03d}' for i in ids)
    rows = [row for _, row in read_csv(path, ('id', 'key'))]
    if sorted(row['id'] for row in rows) != sorted(map(str, ids)):
        raise ValueError(f'{path!r} must have each id from 0 to {ids[-1]} '
                         f'once, but got {len(rows)} rows')
    names = {int(row['id']): row['key'] for row in rows}
    with naming(repr(path)):
        return resolve_classes({}, [names[i] for i in ids])


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, out='folder of the two JSON files to write')
    parser.add_argument('annotations', help='folder of the official CSV files')
    return parser.parse_args(args)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Convert what the command line names."""
    args = parse_args(args)
    with user_errors(ImportError):
        paths = {
            task: os.path.join(args.out, f'epic_kitchens_100_{task}.json')
            for task in TASKS
        }
        for path in paths.values():
            check_output(path, args)
        results = {
            task: convert(args.annotations, task, args.exclude)
            for task in TASKS
        }
        for task, path in paths.items():
            write_annotations(path, f'EPIC-KITCHENS-100 {task}', results[task],
                              args)


if __name__ == '__main__':
    main()
