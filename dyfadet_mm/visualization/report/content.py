"""What a report shows, as JSON."""
import base64
import json
import math
import mimetypes
import os
import os.path as osp
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence
from urllib.parse import quote

import numpy as np
from matplotlib.colors import to_hex

from ..segments import (Segments, duration_of, last_end, read_detections,
                        read_truth)
from ..styles import ClassStyles

MAX_EMBEDDED = 100 * 2**20  # bytes; browsers refuse links of some hundred MB


def report_content(path: str, videos: Sequence[Mapping[str, Any]],
                   classes: Optional[Sequence[str]], title: Optional[str],
                   score_thr: float, max_detections: Optional[int],
                   embed_video: bool) -> Dict[str, Any]:
    """Collect what the scripts of the page read.

    Args:
        path (str): The page, from which videos are linked.
        videos (Sequence[Mapping]): As of :func:`write_report`, and so are the
            other ones.
        classes (Sequence[str], optional): Names.
        title (str, optional): Heading.
        score_thr (float): Where the slider starts.
        max_detections (int, optional): Most of a video.
        embed_video (bool): Whether files become parts of the page.

    Returns:
        dict: Of what JSON has; labels are positions in its ``classes``.
    """
    if not videos:
        raise ValueError('videos must be at least one, but got none')
    if not 0 <= score_thr <= 1:
        raise ValueError(f'score_thr must be in [0, 1], but got {score_thr}')
    found = [read_detections(v, max_detections=max_detections) for v in videos]
    truth = [read_truth(v) for v in videos]
    parts = [part for part in (*found, *truth) if part is not None]
    labels = sorted({n for part in parts for n in part.labels.tolist()})
    styles = ClassStyles(labels, classes)
    ranks = {label: rank for rank, label in enumerate(labels)}
    rows = [
        dict(
            name=str(video.get('video_id', '')),
            # None: as long as the file, which the browser knows
            duration=duration_of(video),
            last_end=last_end(f, t),
            file=_file_of(video, path, embed_video),
            found=_columns(f, ranks),
            truth=None if t is None else _columns(t, ranks))
        for video, f, t in zip(videos, found, truth)
    ]
    count = sum(len(f.labels) for f in found)
    num_videos = '1 video' if len(rows) == 1 else f'{len(rows)} videos'
    if title is None:
        title = rows[0]['name'] if len(rows) == 1 else 'Detections'
    return dict(
        title=title,
        summary=f'{num_videos}, {len(labels)} classes, {count:,} detections',
        threshold=score_thr,
        classes=[_describe_class(n, styles) for n in labels],
        videos=rows)


def to_inert_json(content: Any) -> str:
    """JSON that ends no element of a page and starts none.

    Args:
        content (Any): What JSON has.

    Returns:
        str: ASCII, without ``<``.
    """
    text = json.dumps(content, allow_nan=False, separators=(',', ':'))
    return text.replace('<', '\\u003c')


def _describe_class(label: int, styles: ClassStyles) -> Dict[str, str]:
    """Name and looks of a class."""
    patch = styles.patch(label)
    return dict(
        name=styles.name(label),
        color=to_hex(patch['facecolor']),
        hatch=patch['hatch'])


def _columns(segments: Segments, ranks: Dict[int, int]) -> Dict[str, list]:
    """Numbers with as many digits as show."""
    times = np.round(segments.segments, 3)
    columns = dict(
        starts=times[:, 0].tolist(),
        ends=times[:, 1].tolist(),
        labels=[ranks[label] for label in segments.labels.tolist()])
    if segments.scores is not None:
        columns['scores'] = np.round(segments.scores, 6).tolist()
    return columns


def _file_of(video: Mapping[str, Any], path: str,
             embed: bool) -> Optional[Dict[str, str]]:
    """Where the player finds the file of a video."""
    if video.get('video') is None:
        return None
    file = os.fspath(video['video'])
    if not osp.isfile(file):
        raise FileNotFoundError(
            f'file of video {str(video.get("video_id", ""))!r} must be there, '
            f'but got {file!r}; leave it out to make a page without it')
    source = _embed(file) if embed else _link(file, path)
    return dict(name=osp.basename(file), source=source)


def _embed(file: str) -> str:
    """A link that holds the file."""
    size = osp.getsize(file)
    if size > MAX_EMBEDDED:
        raise ValueError(
            f'video files to embed must have at most {MAX_EMBEDDED >> 20} MB, '
            f'but got {file!r} with {math.ceil(size / 2**20)} MB; link it '
            'instead')
    kind = mimetypes.guess_type(file)[0] or ''
    if not kind.startswith(('video/', 'audio/')):
        kind = 'video/mp4'
    content = base64.b64encode(Path(file).read_bytes()).decode()
    return f'data:{kind};base64,{content}'


def _link(file: str, path: str) -> str:
    """A link to a file from the page."""
    try:
        relative = osp.relpath(
            osp.realpath(file), osp.dirname(osp.realpath(path)))
    except ValueError:  # another drive of Windows
        return Path(file).resolve().as_uri()
    # './' keeps what is before a colon from being a scheme
    return './' + quote(os.fsencode(relative.replace(os.sep, '/')))
