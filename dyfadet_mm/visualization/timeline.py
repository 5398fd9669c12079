"""Timelines of ground truth and detections, drawn without a display."""
import os.path as osp
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dyfadet_mm.fileio import atomic_path
from .layout import (GAP, LANE, LEFT, RIGHT, VIDEO_AXIS, VIDEO_TITLE, Group,
                     VideoLayout, lay_out)
from .legends import Legends
from .lettering import Lettering
from .styles import AXIS_INK, INK, ClassStyles, text_color

# inches
TITLE, TITLE_LINE, VIDEO_TITLE_LINE, PADDING = 0.4, 0.2, 0.15, 0.12
# room beside the text of a bar, in inches
MARGIN = 0.06
# points
TITLE_SIZE, VIDEO_SIZE, NOTE_SIZE, BAR_SIZE = 12, 9, 7, 7


def draw_timeline(videos: Sequence[Mapping[str, Any]],
                  classes: Optional[Sequence[str]] = None,
                  *,
                  score_thr: float = 0.3,
                  max_detections: Optional[int] = None,
                  max_lanes: int = 6,
                  title: Optional[str] = None,
                  width: float = 11.,
                  room: float = 0.) -> Figure:
    """Draw videos below each other, ground truth above detections.

    Detections fade with their score; segments that overlap in time are put
    into lanes, the best detections uppermost. How many are not drawn, and
    why, is said beside the name of the video. Names may hold any characters,
    see :class:`Lettering`.

    Args:
        videos (Sequence[Mapping]): Each with ``video_id`` (str),
            ``duration`` (seconds), ``gt_segments`` (N, 2) in seconds and
            ``gt_labels`` (N, ), or ``segments`` (M, 2) in seconds,
            ``scores`` (M, ) and ``labels`` (M, ), or both; tensors, arrays
            or lists.
        classes (Sequence[str], optional): Names in label order.
            Defaults to None.
        score_thr (float): Lowest score drawn. Defaults to 0.3.
        max_detections (int, optional): Most detections of a video.
            Defaults to None, which draws all.
        max_lanes (int): Most lanes of ground truth, and of detections.
            Defaults to 6.
        title (str, optional): Line above the figure. Defaults to None.
        width (float): Width of the figure in inches. Defaults to 11.
        room (float): Inches that are left free below. Defaults to 0.

    Returns:
        Figure: With an Agg canvas; ``figure.savefig(path)`` writes it.

    Raises:
        ValueError: If there is no video.
    """
    if not videos:
        raise ValueError('videos must be at least one, but got none')
    rows = [
        lay_out(video, score_thr, max_detections, max_lanes)
        for video in videos
    ]
    labels = [n for row in rows for g in row.groups for n in g.labels.tolist()]
    styles = ClassStyles(labels, classes)
    letters = Lettering([
        title or '', *(styles.name(n) for n in styles.labels),
        *(row.name for row in rows)
    ])
    legends = Legends(styles, letters, width)
    titles = letters.lines(title or '', TITLE_SIZE, width - 2 * RIGHT, 'bold')
    below_title = 0.5 * PADDING
    if title:
        below_title = TITLE + (len(titles) - 1) * TITLE_LINE
    headings = [_head(row, letters, width - LEFT - RIGHT) for row in rows]
    heights = [
        row.height + (len(heading) - 1) * VIDEO_TITLE_LINE
        for row, heading in zip(rows, headings)
    ]
    top = below_title + legends.height + PADDING  # inches from the upper edge
    figure = Figure(
        figsize=(width, top + sum(heights) + room), dpi=150, facecolor='white')
    FigureCanvasAgg(figure)
    _draw_title(figure, titles, letters, below_title)
    legends.add_to(figure, below_title)
    for row, heading, height in zip(rows, headings, heights):
        top += height
        axes = new_axes(figure, top - VIDEO_AXIS,
                        row.height - VIDEO_AXIS - VIDEO_TITLE)
        _draw_video(axes, row, heading, styles, letters, width - LEFT - RIGHT)
    return figure


def figure_to_image(figure: Figure) -> np.ndarray:
    """Render a figure with an Agg canvas.

    Args:
        figure (Figure): What :func:`draw_timeline` returned.

    Returns:
        ndarray: RGB, uint8, (H, W, 3).
    """
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def save_figure(figure: Figure, path: str) -> None:
    """Write a picture, completely or not at all.

    Args:
        figure (Figure): With a canvas.
        path (str): The file, whose suffix says the format; without one it is
            a PNG. Missing folders are made and an old file is replaced.

    Raises:
        ValueError: If there is no such format.
        WriteError: As of :func:`dyfadet_mm.fileio.atomic_path`.
    """
    suffix = osp.splitext(path)[1][1:].lower() or 'png'
    with atomic_path(path) as part:
        figure.savefig(part, format=suffix)


def _draw_title(figure: Figure, lines: List[str], letters: Lettering,
                height: float) -> None:
    """Write lines into the uppermost ``height`` inches."""
    figure.text(0.5, 1 - 0.55 * height / figure.get_figheight(),
                '\n'.join(lines), size=TITLE_SIZE, color=INK, ha='center',
                va='center', weight='bold', **letters.font())  # yapf: disable


def new_axes(figure: Figure, bottom: float, height: float) -> Axes:
    """Axes that end ``bottom`` inches below the upper edge of a figure."""
    width, full_height = figure.get_size_inches()
    return figure.add_axes((LEFT / width, 1 - bottom / full_height,
                            1 - (LEFT + RIGHT) / width, height / full_height))


def _head(video: VideoLayout, letters: Lettering,
          width: float) -> List[Tuple[str, str]]:
    """Lines above a video: its name on the left, its note on the right.

    The note has lines of its own where the two do not fit side by side.
    """
    names = letters.lines(video.name, VIDEO_SIZE, width)
    notes = letters.lines(video.note, NOTE_SIZE, width)
    together = (
        letters.width(names[-1], VIDEO_SIZE) +
        letters.width(notes[0], NOTE_SIZE) + 4 * MARGIN)
    if len(notes) == 1 and together <= width:
        return [*((name, '') for name in names[:-1]), (names[-1], notes[0])]
    return [*((name, '') for name in names), *(('', note) for note in notes)]


def _draw_video(axes: Axes, video: VideoLayout, heading: List[Tuple[str, str]],
                styles: ClassStyles, letters: Lettering, width: float) -> None:
    """Draw one video; x counts seconds, y counts inches downwards."""
    y = 0.
    for group in video.groups:
        shade = '#F2F2F2' if group.scores is None else '#FAFAFA'
        axes.axhspan(y, y + group.height, color=shade, zorder=0)
        axes.text(-0.008, y + group.height / 2, group.name, size=8, color=INK,
                  transform=axes.get_yaxis_transform(),
                  ha='right', va='center')  # yapf: disable
        for index, lane in enumerate(group.lanes):
            _draw_bar(axes, group, index, y + lane * LANE, styles, letters,
                      video.duration / width)
        y += group.height + GAP
    axes.set_xlim(0, video.duration)
    axes.set_ylim(max(y - GAP, LANE), 0)
    axes.set_yticks([])
    axes.tick_params(axis='x', labelsize=7, colors=AXIS_INK, length=2)
    axes.xaxis.set_major_formatter(lambda value, _: f'{value:g} s')
    axes.spines[['left', 'right', 'top']].set_visible(False)
    axes.spines['bottom'].set_color(AXIS_INK)
    # from the lowest line upwards
    names, notes = ('\n'.join(side) for side in zip(*heading))
    axes.set_title(names, loc='left', size=VIDEO_SIZE, color=INK, pad=3,
                   **letters.font())  # yapf: disable
    axes.set_title(notes.lstrip('\n'), loc='right', size=NOTE_SIZE,
                   color=AXIS_INK, pad=3)  # yapf: disable


def _draw_bar(axes: Axes, group: Group, index: int, y: float,
              styles: ClassStyles, letters: Lettering,
              seconds_per_inch: float) -> None:
    """Draw one segment with its class, and score, where they fit."""
    start, end = group.segments[index]
    label, score = int(group.labels[index]), 1.
    texts = [letters.spell(styles.name(label))]
    if group.scores is not None:
        score = float(group.scores[index])
        texts.insert(0, f'{texts[0]}  {score:.2f}')
    style = styles.patch(label, score)
    # short actions stay visible
    width = max(end - start, 0.015 * seconds_per_inch)
    axes.add_patch(
        Rectangle((start, y + 0.025), width, LANE - 0.05, lw=0.6, **style))
    for text in texts:
        room = (letters.width(text, BAR_SIZE) + MARGIN) * seconds_per_inch
        if room <= width:
            # a ground of its own keeps it readable on a hatch
            axes.text(start + width / 2, y + LANE / 2, text, size=BAR_SIZE,
                      color=text_color(style['facecolor']), clip_on=True,
                      ha='center', va='center_baseline', **letters.font(),
                      bbox=dict(fc=style['facecolor'], lw=0, pad=0.5)
                      )  # yapf: disable
            break
