"""Reading of official files, for the annotation converters beside this."""
import csv
import json
import math
import os
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from dyfadet_mm.fileio import resolve_classes


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Put the file at fault in front of an error's message."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise type(error)(f'{source}: {error.args[0]}') from error


def read_json(path: str) -> Any:
    """Read a JSON file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is not JSON.
    """
    with open(path, encoding='utf-8-sig') as file:
        try:
            return json.load(file)
        except ValueError as error:
            raise ValueError(
                f'{path!r} must be JSON, but got: {error}') from error


def read_csv(path: str, columns: Sequence[str]) -> List[Tuple[str, dict]]:
    """Read a CSV file with a header line.

    Args:
        path (str): File.
        columns (Sequence[str]): Columns that must be there and filled.

    Returns:
        list[tuple[str, dict]]: File and line for messages, and the row.

    Raises:
        KeyError: If a column is missing.
        ValueError: If a cell is empty, or the file is not CSV.
    """
    rows = []
    with open(path, newline='', encoding='utf-8-sig') as file:
        reader = csv.DictReader(file)
        try:
            header = list(reader.fieldnames or [])
            lacking = [name for name in columns if name not in header]
            if lacking:
                raise KeyError(f'{path!r} must have the columns '
                               f'{list(columns)}, but got {header[:20]}, '
                               f'without {lacking}')
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


def get_field(where: str, item: Any, key: str) -> Any:
    """Get a field of a JSON object.

    Raises:
        KeyError: If it is missing or null.
        TypeError: If ``item`` is no object.
    """
    if not isinstance(item, dict):
        raise TypeError(f'{where} must be an object with {key!r}, but got '
                        f'{str(item)[:80]}')
    if item.get(key) is None:
        raise KeyError(f'{where} must have {key!r}, but got the keys '
                       f'{sorted(item)[:20]}')
    return item[key]


def to_number(where: str, name: str, value: Any) -> float:
    """Convert a value to a finite number.

    Raises:
        ValueError: If that is impossible.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f'{where}: {name} must be a finite number, but got '
                         f'{value!r}')
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
        TypeError: If a JSON file is no list.
    """
    ids: List[str] = []
    for item in ids_or_files:
        if not os.path.isfile(item):
            ids.append(item)
        elif item.endswith('.json'):
            listed = read_json(item)
            if not isinstance(listed, list):
                raise TypeError(f'{item!r} must be a list of video ids, but '
                                f'got {type(listed).__name__}')
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
            raise KeyError(
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
            got = len(row) if isinstance(row, list) else repr(row)
            raise ValueError(
                f'{path!r} must have {len(names)} scores per video, one per '
                f'class name, but got {got} for {video_id!r}')
    with naming(repr(path)):
        return resolve_classes({}, names)


def _read_lines(path: str) -> List[str]:
    """Read the lines of a text file that are not empty."""
    with open(path, encoding='utf-8-sig') as file:
        try:
            lines = [line.strip() for line in file]
        except UnicodeDecodeError as error:
            raise ValueError(f'{path!r} must be a text file in UTF-8, but '
                             f'got: {error}') from error
    return [line for line in lines if line]
