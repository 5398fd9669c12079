"""Reading of official files, for the annotation converters beside this."""
import csv
import io
import math
import os
from typing import Any, Dict, List, Optional, Sequence, Tuple

from dyfadet_mm.fileio import (MissingFieldError, brief, cut, load_json_strict,
                               naming, read_bytes)
from dyfadet_mm.fileio import read_lines as read_all_lines
from dyfadet_mm.fileio import resolve_classes
from dyfadet_mm.fileio import to_number as as_number

REMEDY = 'give the path of an official file'


def read_json(path: str) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is not JSON, or has a key twice.
    """
    return load_json_strict(read_bytes(path, 'file', REMEDY), repr(path))


def read_csv(path: str, columns: Sequence[str]) -> List[Tuple[str, dict]]:
    """Read a CSV file with a header line.

    Args:
        path (str): File.
        columns (Sequence[str]): Columns that must be there and filled.

    Returns:
        list[tuple[str, dict]]: File and line for messages, and the row.

    Raises:
        FileNotFoundError: If there is no such file.
        KeyError: If a column is missing.
        ValueError: If a column is there twice, a cell is empty, or the file
            is not CSV.
    """
    rows = []
    content = read_bytes(path, 'file', REMEDY)
    try:
        text = io.StringIO(content.decode('utf-8-sig'), newline='')
        reader = csv.DictReader(text)
        header = list(reader.fieldnames or [])
        lacking = [name for name in columns if name not in header]
        if lacking:
            raise MissingFieldError(
                f'{path!r} must have the columns {list(columns)}, '
                f'but got {brief(header)}, without {lacking}')
        if any(header.count(name) > 1 for name in columns):
            raise ValueError(f'{path!r} must have every column once, but got '
                             f'{brief(header)}')
        for row in reader:
            where = f'{path!r}, line {reader.line_num}'
            empty = [name for name in columns if not row[name]]
            if empty:
                raise ValueError(f'{where}: {empty[0]} must not be empty')
            rows.append((where, row))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f'{path!r} must be a CSV file in UTF-8, but got: '
                         f'{error}') from error
    return rows


def read_table(path: str, columns: Sequence[str]) -> Dict[str, Tuple]:
    """Read a CSV file that has a row per video.

    Args:
        path (str): File with the column ``video_id``.
        columns (Sequence[str]): Other columns that must be there and filled.

    Returns:
        dict[str, tuple[str, dict]]: File and line, and row, by video id.

    Raises:
        FileNotFoundError, KeyError, ValueError: As :func:`read_csv`, and if
            two rows of a video differ.
    """
    rows: Dict[str, Tuple] = {}
    for where, row in read_csv(path, ('video_id', *columns)):
        known, first = rows.setdefault(row['video_id'], (where, row))
        if row != first:
            raise ValueError(f'{where}: video {brief(row["video_id"])} must '
                             f'have one row, but has another at {known}')
    return rows


def get_field(where: str, item: Any, key: str) -> Any:
    """Get a field of a JSON object.

    Raises:
        KeyError: If it is missing or null.
        TypeError: If ``item`` is no object.
    """
    if not isinstance(item, dict):
        raise TypeError(f'{cut(where)} must be an object with {key!r}, but '
                        f'got {brief(item)}')
    if item.get(key) is None:
        raise MissingFieldError(
            f'{cut(where)} must have {key!r}, but got the keys '
            f'{brief(sorted(item))}')
    return item[key]


def get_text(where: str, item: Any, key: str) -> str:
    """Get a field of a JSON object that must be text.

    Raises:
        KeyError: If it is missing or null.
        TypeError: If it is no text.
    """
    value = get_field(where, item, key)
    if not isinstance(value, str):
        raise TypeError(f'{cut(where)}: {key!r} must be text, but got '
                        f'{brief(value)}')
    return value


def to_number(where: str, name: str, value: Any) -> float:
    """Convert a value to a finite number.

    Raises:
        ValueError: If that is impossible.
    """
    number = as_number(value)
    if not math.isfinite(number):
        raise ValueError(f'{cut(where)}: {name} must be a finite number, but '
                         f'got {brief(value)}')
    return number


def check_order(where: str, start: float, end: float) -> None:
    """Check that an action does not end before it starts, in seconds.

    Raises:
        ValueError: If it does.
    """
    if end < start:
        raise ValueError(
            f'{where}: an action must not end before it starts, but got '
            f'{start} to {end} s; correct it, or leave its video out with '
            '--exclude')


def read_ids(ids_or_files: Sequence[str]) -> List[str]:
    """Gather video ids.

    Args:
        ids_or_files (Sequence[str]): Ids, and files with one id per line or a
            JSON list of ids.

    Returns:
        list[str]: Ids.

    Raises:
        TypeError: If a JSON file is no list of ids.
    """
    ids: List[str] = []
    for item in ids_or_files:
        if not os.path.isfile(item):
            ids.append(item)
        elif item.endswith('.json'):
            listed = read_json(item)
            if not isinstance(listed, list) or not all(
                    type(each) in (int, str) for each in listed):
                raise TypeError(f'{item!r} must be a list of video ids, but '
                                f'got {type(listed).__name__} '
                                f'{brief(listed)}')
            ids.extend(map(str, listed))
        else:
            ids.extend(_read_lines(item))
    return ids


def read_classes(path: Optional[str]) -> Optional[Tuple[str, ...]]:
    """Read class names in label order.

    Args:
        path (str, optional): Text file with one name per line, JSON list, or
            JSON object with the names under ``class`` or ``classes``. Score
            vectors under ``results`` must be as long as the list of names.

    Returns:
        tuple[str], optional: Names; None without a file.

    Raises:
        KeyError: If a JSON object has no names.
        TypeError: If its scores are not by video.
        ValueError: If a name comes twice, there is none, or a score vector
            has another length.
    """
    if path is None:
        return None
    scores: Any = {}
    if path.endswith('.json'):
        names = read_json(path)
        if isinstance(names, dict):
            scores = names.get('results', {})
            names = names.get('class', names.get('classes'))
        if not isinstance(names, list):
            raise MissingFieldError(
                f"{path!r} must be a list of class names, or have one under "
                "'class' or 'classes'; write the names in label order into a "
                'text file and give that')
    else:
        names = _read_lines(path)
    if not isinstance(scores, dict):
        raise TypeError(f"'results' of {path!r} must map video ids to scores, "
                        f'but got {type(scores).__name__}')
    for video_id, row in scores.items():
        # some files wrap every vector in another list
        row = row[0] if isinstance(row, list) and len(row) == 1 else row
        if not isinstance(row, list) or len(row) != len(names):
            got = len(row) if isinstance(row, list) else brief(row)
            raise ValueError(
                f'{path!r} must have {len(names)} scores per video, one per '
                f'class name, but got {got} for {brief(video_id)}')
    with naming(repr(path)):
        return resolve_classes({}, names)


def _read_lines(path: str) -> List[str]:
    """Read the lines of a text file that are not empty."""
    return [line.strip() for line in read_all_lines(path, 'file', REMEDY)]
