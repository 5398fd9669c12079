"""Detections as subtitles that any player shows, and as a table."""
import csv
import html
import logging
import os.path as osp
import re
import unicodedata
from typing import Any, Iterator, Mapping, Optional, Sequence, Tuple

from mmengine.logging import print_log

from dyfadet_mm.fileio import atomic_path, class_name, cut
from .outputs import check_new
from .segments import duration_of, read_detections

COLUMNS = ('video', 'start', 'end', 'label', 'score', 'duration')
MAX_LABEL = 120  # characters of a subtitle
# how a cell begins that spreadsheets take for a formula
FORMULA = re.compile(r'[\s\x00]*[=+\-@\uff1d\uff0b\uff0d\uff20]')


def write_subtitles(path: str,
                    video: Mapping[str, Any],
                    classes: Optional[Sequence[str]] = None,
                    *,
                    score_thr: float = 0.3,
                    overwrite: bool = False) -> None:
    """Write a subtitle, such as ``run 0.93``, for each detection of a video.

    Detections that overlap have a subtitle each, which players show together.
    Names are one line of plain text, whatever they hold, and cut if they are
    too long.

    Args:
        path (str): File to write, ``.srt`` or ``.vtt`` (WebVTT); missing
            folders are made.
        video (Mapping): As of :func:`dyfadet_mm.visualization.draw_timeline`.
        classes (Sequence[str], optional): Names in label order.
            Defaults to None.
        score_thr (float): Lowest score written. Defaults to 0.3.
        overwrite (bool): Replace an old file. Defaults to False.

    Raises:
        FileExistsError: If there is such a file and ``overwrite`` is False.
        ValueError: If the suffix is another one, arrays differ in length, or
            a number is not finite.
        WriteError: As of :func:`dyfadet_mm.fileio.atomic_path`.
    """
    suffix = osp.splitext(path)[1].lower()
    if suffix not in ('.srt', '.vtt'):
        raise ValueError('subtitles must be a file .srt or .vtt, but got '
                         f'{str(path)!r}')
    check_new(path, overwrite)
    is_vtt = suffix == '.vtt'
    blocks = ['WEBVTT\n'] if is_vtt else []
    escape = _escape_vtt if is_vtt else _escape_srt
    for number, (start, end, label,
                 score) in enumerate(_cues(video, score_thr), 1):
        name = cut(_one_line(class_name(label, classes)), MAX_LABEL)
        times = ' --> '.join(
            _timestamp(time, '.' if is_vtt else ',') for time in (start, end))
        blocks.append(f'{number}\n{times}\n{escape(name)} {score:.2f}\n')
    _write(path, '\n'.join(blocks))


def write_csv(path: str,
              videos: Sequence[Mapping[str, Any]],
              classes: Optional[Sequence[str]] = None,
              *,
              score_thr: float = 0.,
              overwrite: bool = False) -> None:
    """Write a table of detections, in seconds, for a spreadsheet.

    A row holds ``video, start, end, label, score, duration``, the last empty
    where it is not known; those of a video are in order of time. A name that
    a spreadsheet would take for a formula, such as ``=run()``, has an
    apostrophe before it. The file is in UTF-8 with a mark by which
    spreadsheets know it.

    Args:
        path (str): File to write; missing folders are made.
        videos (Sequence[Mapping]): Each as of
            :func:`dyfadet_mm.visualization.draw_timeline`.
        classes (Sequence[str], optional): Names in label order.
            Defaults to None.
        score_thr (float): Lowest score written. Defaults to 0.
        overwrite (bool): Replace an old file. Defaults to False.

    Raises:
        FileExistsError: If there is such a file and ``overwrite`` is False.
        ValueError: If arrays differ in length, or a number is not finite.
        WriteError: As of :func:`dyfadet_mm.fileio.atomic_path`.
    """
    check_new(path, overwrite)
    rows = []
    for video in videos:
        name = _inert_cell(str(video.get('video_id', '')))
        duration = duration_of(video)
        duration = '' if duration is None else round(duration, 3)
        for start, end, label, score in _rows(video, score_thr):
            rows.append((name, round(start, 3), round(end, 3),
                         _inert_cell(class_name(label,
                                                classes)), round(score,
                                                                 6), duration))
    with atomic_path(path) as part, open(
            part, 'w', encoding='utf-8-sig', errors='replace',
            newline='') as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _rows(video: Mapping[str, Any],
          score_thr: float) -> Iterator[Tuple[float, float, int, float]]:
    """(start, end, label, score), by start, the best of equal ones first."""
    found = read_detections(video, score_thr)
    order = found.segments[:, 0].argsort(kind='stable')
    for index in order.tolist():
        start, end = found.segments[index].tolist()
        yield start, end, int(found.labels[index]), float(found.scores[index])


def _cues(video: Mapping[str, Any],
          score_thr: float) -> Iterator[Tuple[float, float, int, float]]:
    """Rows that a player can show, and a warning about the other ones."""
    num_left_out = 0
    for start, end, label, score in _rows(video, score_thr):
        start = max(start, 0.)
        if end < start:
            num_left_out += 1
            continue
        # a millisecond is the shortest that can be written
        yield start, max(end, start + 0.001), label, score
    if num_left_out:
        print_log(
            f'{num_left_out} detections of video '
            f'{str(video.get("video_id", ""))[:80]!r} end before they start '
            'or before the video does, and have no subtitle',
            'current',
            level=logging.WARNING)


def _timestamp(seconds: float, point: str) -> str:
    """``HH:MM:SS.mmm``, with a point or a comma."""
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return (f'{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}'
            f'{point}{rest % 1000:03d}')


def _one_line(text: str) -> str:
    """A text without breaks and control characters."""
    signs = (' ' if unicodedata.category(sign) == 'Cc' else sign
             for sign in text)
    return ' '.join(''.join(signs).split())


def _escape_vtt(text: str) -> str:
    """A text without tags; ``-->`` loses its end, too."""
    return html.escape(text, quote=False)


def _escape_srt(text: str) -> str:
    """A text that players do not read as tags of HTML or SSA, or as times.

    SRT has no escapes: an invisible word joiner comes between what would be
    read together.
    """
    return re.sub(r'([<{\\]|--(?=>))', '\\1\u2060', text)


def _inert_cell(text: str) -> str:
    """A cell that is text to a spreadsheet."""
    return f"'{text}" if FORMULA.match(text) else text


def _write(path: str, text: str) -> None:
    """Write a file, completely or not at all."""
    with atomic_path(path) as part, open(
            part, 'w', encoding='utf-8', errors='replace',
            newline='\n') as file:
        file.write(text)
