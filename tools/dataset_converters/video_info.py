"""Durations and frame rates of videos, for the converters beside this."""
import os
from pathlib import Path
from typing import Any, Dict, Iterable

import mmcv
from converter_inputs import read_json, read_table

from dyfadet_mm.fileio import VIDEO_SUFFIXES, brief, naming, parse_video
from dyfadet_mm.fileio.videos import probe_video

HELP = ('folder of videos named by their ids, with or without "v_"; or a '
        'table of video_id, duration (seconds) and fps or frame (number of '
        'frames): a CSV file with that header, or a JSON object of such '
        'objects by id, also in the layout of ActivityNet')


def read_video_info(path: str, video_ids: Iterable[str]) -> Dict[str, dict]:
    """Read durations and frame rates.

    Args:
        path (str): Folder of videos, or a CSV or JSON table, see ``HELP``.
        video_ids (Iterable[str]): Videos wanted; others are not opened.

    Returns:
        dict: ``duration`` in seconds, ``fps``, and ``size``, the width and
        height of a video file, each where known, by id. Videos that were not
        found are missing.

    Raises:
        KeyError: If a table lacks its columns.
        TypeError: If a JSON table has another layout.
        ValueError: If a number or a video cannot be read.
    """
    if os.path.isdir(path):
        return _read_folder(path, video_ids)
    if path.endswith('.csv'):
        rows = {k: row for k, (_, row) in read_table(path, []).items()}
    else:
        rows = read_json(path)
        if isinstance(rows, dict):
            rows = rows.get('database', rows)
        if not isinstance(rows, dict) or not all(
                isinstance(row, dict) for row in rows.values()):
            raise TypeError(
                f'{path!r} must map video ids to objects with duration and '
                f'fps, but got {brief(rows)}')
    return {
        video_id: _numbers(path, video_id, rows[video_id])
        for video_id in video_ids if video_id in rows
    }


def _numbers(path: str, video_id: str, row: Dict[str, Any]) -> dict:
    """Check the numbers of one row."""
    row = {
        key: row[key]
        for key in ('duration', 'fps', 'frame')
        if row.get(key) not in (None, '')
    }
    has_rate = 'fps' in row or {'frame', 'duration'} <= set(row)
    with naming(repr(path)):
        info = parse_video(video_id, row, {}, None if has_rate else 1.0)
    known = dict(duration='duration' in row, fps=has_rate)
    return {key: info[key] for key in known if known[key]}


def find_videos(folder: str, video_ids: Iterable[str]) -> Dict[str, Path]:
    """Find video files in a folder and in the folders in it.

    Args:
        folder (str): The folder.
        video_ids (Iterable[str]): Videos wanted: names of files, or paths
            below the folder, without suffix, and with or without ``v_``.

    Returns:
        dict[str, Path]: Files by id. Those not found are missing.
    """
    files = [
        file for file in sorted(Path(folder).rglob('*'), reverse=True)
        if file.suffix.lower() in VIDEO_SUFFIXES
    ]
    by_name = {file.stem: file for file in files}
    by_name.update((file.relative_to(folder).with_suffix('').as_posix(), file)
                   for file in files)
    found = {
        name: by_name.get(name, by_name.get(f'v_{name}'))
        for name in video_ids
    }
    return {name: file for name, file in found.items() if file is not None}


def _read_folder(path: str, video_ids: Iterable[str]) -> Dict[str, dict]:
    """Open the videos of a folder and of the folders in it."""
    return {
        video_id: _read_header(str(file))
        for video_id, file in find_videos(path, video_ids).items()
    }


def _read_header(path: str) -> dict:
    """Duration, frame rate and size of one video.

    PyAV is optional; without it OpenCV, which counts on a constant rate.
    """
    try:
        info = probe_video(path)
        size = (info.width, info.height)
        return dict(duration=info.duration, fps=info.fps, size=size)
    except ImportError:
        video = mmcv.VideoReader(path)
    if not (video.fps > 0 and video.frame_cnt > 0):
        raise ValueError(f'video file {path!r} must be readable, but got no '
                         'frames; replace it, or give a table of durations')
    return dict(
        duration=video.frame_cnt / video.fps,
        fps=video.fps,
        size=video.resolution)
