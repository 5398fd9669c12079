"""Tables of actions, as CSV or TSV, one row for each.

.. code-block:: none

    video,start,end,label,score,duration,fps,subset
    kitchen_07.mp4,1.5,4.0,pour,,63.2,30,training
    kitchen_08.mp4,,,,,41.0,30,validation

Times are seconds. Only the first four columns must be there; a row without
start, end and label is a video without actions.
"""
import csv
import io
import math
from collections import Counter
from typing import Dict, List, Sequence

from ..atomic import atomic_path
from ..messages import MissingFieldError, brief
from ..reading import read_bytes
from ..video_entries import to_number
from .records import (Action, ToolFile, ToolVideo, file_name_of, make_action,
                      video_id_of)

COLUMNS = ('video', 'start', 'end', 'label')
OF_VIDEO = ('duration', 'fps', 'subset')


def read_table(path: str) -> ToolFile:
    """Read a table of actions.

    Args:
        path (str): CSV file, or a table with tabs between its columns.

    Returns:
        ToolFile: Videos, in seconds.

    Raises:
        KeyError: If a column is missing.
        ValueError: If the file is no table, or a value is out of range.
    """
    found = ToolFile({}, Counter(), [])
    rows: Dict[str, ToolVideo] = {}
    for where, row in _read_rows(path):
        if not row['video']:
            raise ValueError(f'{where}: video must not be empty')
        video_id = video_id_of(row['video'])
        facts = _facts_of(where, row)
        video = ToolVideo([], file=row['video'], where=where, **facts)
        known = rows.setdefault(video_id, video)
        for name, value in facts.items():
            if getattr(known, name) not in (None, value):
                raise ValueError(
                    f'{where}: {name} of video {brief(video_id)} must be the '
                    f'same in all rows, but got {brief(value)} after '
                    f'{brief(getattr(known, name))} at {known.where}')
        rows[video_id] = known._replace(**facts)
        if any(row[name] for name in COLUMNS[1:]):
            known.actions.append(
                make_action(where, row['start'], row['end'], row['label']))
    for video_id, video in rows.items():
        found.add(video_id, video)
    return found


def _read_rows(path: str) -> list:
    """File and line for messages, and the row, of every row."""
    content = read_bytes(path, 'table', 'give the path of one')
    try:
        text = content.decode('utf-8-sig')
        dialect = csv.excel_tab if '\t' in text.split('\n')[0] else csv.excel
        reader = csv.DictReader(
            io.StringIO(text, newline=''), dialect=dialect, restval='')
        header = list(reader.fieldnames or [])
        lacking = [name for name in COLUMNS if name not in header]
        if lacking or len(set(header)) < len(header):
            raise MissingFieldError(
                f'table {path!r} must have the columns {list(COLUMNS)} once, '
                f'but got {brief(header)}')
        rows = []
        for row in reader:
            where = f'{path!r}, line {reader.line_num}'
            if None in row:
                raise ValueError(
                    f'{where} must have {len(header)} cells, but got '
                    f'{len(header) + len(row[None])}; put quotes around a '
                    'cell with a comma')
            rows.append((where, row))
        return rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f'table {path!r} must be a CSV file in UTF-8, but '
                         f'got: {error}') from error


def _facts_of(where: str, row: Dict[str, str]) -> dict:
    """What a row says of its video."""
    facts = {name: row[name] for name in OF_VIDEO if row.get(name)}
    for name in set(facts) & {'duration', 'fps'}:
        number = to_number(facts[name])
        if not 0 < number < math.inf:
            raise ValueError(f'{where}: {name} must be a number above 0, but '
                             f'got {brief(facts[name])}')
        facts[name] = number
    return facts


def write_table(path: str, videos: Dict[str, ToolVideo],
                classes: Sequence[str]) -> List[str]:
    """Write a table of actions.

    Args:
        path (str): File to write; tabs separate its columns if it ends in
            ``.tsv``.
        videos (dict[str, ToolVideo]): By id, in seconds.
        classes (Sequence[str]): Names of the labels; not used.

    Returns:
        list[str]: The file.
    """
    dialect = csv.excel_tab if path.lower().endswith('.tsv') else csv.excel
    with atomic_path(path) as part, open(
            part, 'w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, dialect, lineterminator='\n')
        writer.writerow((*COLUMNS, 'score', *OF_VIDEO))
        for video_id, video in videos.items():
            name = file_name_of(video_id, video)
            facts = [getattr(video, name) for name in OF_VIDEO]
            for action in video.actions or [Action('', '', '')]:
                writer.writerow((name, *action[:4], *facts))
    return [path]
