"""One page that holds all it needs and works without a network."""
import base64
import hashlib
import html
from pathlib import Path
from string import Template
from typing import Any, Mapping, Optional, Sequence

from dyfadet_mm.fileio import atomic_path
from ..outputs import check_new
from .content import report_content, to_inert_json

FOLDER = Path(__file__).parent
# they share one scope, in this order
SCRIPTS = ('state.js', 'painting.js', 'player.js', 'lanes.js', 'timeline.js',
           'table.js', 'main.js')
# Nothing but this script and this style, and videos beside the page or in it
POLICY = ("default-src 'none'; script-src {script}; style-src {style}; "
          "media-src 'self' file: data:; base-uri 'none'; form-action 'none'")


def write_report(path: str,
                 videos: Sequence[Mapping[str, Any]],
                 classes: Optional[Sequence[str]] = None,
                 *,
                 title: Optional[str] = None,
                 score_thr: float = 0.1,
                 max_detections: Optional[int] = None,
                 embed_video: bool = False,
                 overwrite: bool = False) -> None:
    """Write a page with player, timeline and table of some videos.

    It is one file that works offline, from the disk, in any browser of today.
    Names may hold any characters and are only ever shown as text. A video
    file is linked by its path from the page, so move both together, or is a
    part of the page.

    Args:
        path (str): HTML file to write; missing folders are made.
        videos (Sequence[Mapping]): Each as of
            :func:`dyfadet_mm.visualization.draw_timeline`, and where there is
            one with ``video``, the path of its file.
        classes (Sequence[str], optional): Names in label order.
            Defaults to None.
        title (str, optional): Heading. Defaults to None: the id of the only
            video, or the number of videos.
        score_thr (float): Score where the slider starts; the page holds
            lower ones, too. Defaults to 0.1.
        max_detections (int, optional): Most detections of a video, the best
            ones. Defaults to None, which keeps all.
        embed_video (bool): Put small video files (100 MB) into the page.
            Defaults to False.
        overwrite (bool): Replace an old file. Defaults to False.

    Raises:
        FileExistsError: If there is such a file and ``overwrite`` is False.
        FileNotFoundError: If a video file is not there.
        ValueError: If there is no video, arrays of one differ in length, a
            number is not finite, or a video file is too large to embed.
        WriteError: As of :func:`dyfadet_mm.fileio.atomic_path`.
    """
    check_new(path, overwrite)
    content = report_content(path, videos, classes, title, score_thr,
                             max_detections, embed_video)
    text = _fill_template(content)
    # what UTF-8 does not have, as half of a pair, is no text for a browser
    with atomic_path(path) as part, open(
            part, 'w', encoding='utf-8', errors='replace',
            newline='\n') as file:
        file.write(text)


def _fill_template(content: Mapping[str, Any]) -> str:
    """The page as text."""
    scripts = '\n'.join(_read(name) for name in SCRIPTS)
    script = f"'use strict';\n(() => {{\n{scripts}}})();\n"
    style = _read('report.css')
    policy = POLICY.format(script=_hash(script), style=_hash(style))
    return Template(_read('template.html')).substitute(
        policy=policy,
        title=html.escape(content['title']),
        style=style,
        script=script,
        data=to_inert_json(content))


def _read(name: str) -> str:
    """A file of this folder."""
    return (FOLDER / name).read_text(encoding='utf-8')


def _hash(text: str) -> str:
    """Source expression of a policy that admits one text."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest())
    return f"'sha256-{digest.decode()}'"
