"""Timelines of ground truth and detections, drawn without a display."""
import math
from typing import Any, Mapping, Optional, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from .layout import (GAP, LANE, VIDEO_AXIS, VIDEO_TITLE, Group, VideoLayout,
                     lay_out)
from .styles import AXIS_INK, INK, ClassStyles, fade, text_color

# inches
LEFT, RIGHT, TITLE, LEGEND_ROW, PADDING = 1.05, 0.2, 0.4, 0.2, 0.12
# a letter of the size used in bars, in inches
LETTER = 0.06


def draw_timeline(videos: Sequence[Mapping[str, Any]],
                  classes: Optional[Sequence[str]] = None,
                  *,
                  score_thr: float = 0.3,
                  max_detections: Optional[int] = None,
                  max_lanes: int = 6,
                  title: Optional[str] = None,
                  width: float = 11.) -> Figure:
    """Draw videos below each other, ground truth above detections.

    Detections fade with their score; segments that overlap in time are put
    into lanes, the best detections uppermost. How many found no lane is said
    beside the name of the video.

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
    columns = _legend_columns(styles, width)
    title_height = TITLE if title else 0.5 * PADDING
    head = title_height + PADDING + LEGEND_ROW * max(
        math.ceil(len(styles.labels) / columns), 1)
    height = head + sum(row.height for row in rows)
    figure = Figure(figsize=(width, height), dpi=150, facecolor='white')
    FigureCanvasAgg(figure)
    if title:
        figure.text(0.5, 1 - 0.55 * TITLE / height, title, size=12, color=INK,
                    ha='center', va='center', weight='bold')  # yapf: disable
    _add_legends(figure, styles, columns, 1 - title_height / height)
    top = height - head
    for row in rows:
        bottom = top - row.height + VIDEO_AXIS
        inner = row.height - VIDEO_AXIS - VIDEO_TITLE
        axes = figure.add_axes((LEFT / width, bottom / height,
                                1 - (LEFT + RIGHT) / width, inner / height))
        _draw_video(axes, row, styles, width - LEFT - RIGHT)
        top -= row.height
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


def _draw_video(axes: Axes, video: VideoLayout, styles: ClassStyles,
                width: float) -> None:
    """Draw one video; x counts seconds, y counts inches downwards."""
    y = 0.
    for group in video.groups:
        shade = '#F2F2F2' if group.scores is None else '#FAFAFA'
        axes.axhspan(y, y + group.height, color=shade, zorder=0)
        axes.text(-0.008, y + group.height / 2, group.name, size=8, color=INK,
                  transform=axes.get_yaxis_transform(),
                  ha='right', va='center')  # yapf: disable
        for index, lane in enumerate(group.lanes):
            _draw_bar(axes, group, index, y + lane * LANE, styles,
                      video.duration / width)
        y += group.height + GAP
    axes.set_xlim(0, video.duration)
    axes.set_ylim(max(y - GAP, LANE), 0)
    axes.set_yticks([])
    axes.tick_params(axis='x', labelsize=7, colors=AXIS_INK, length=2)
    axes.xaxis.set_major_formatter(lambda value, _: f'{value:g} s')
    axes.spines[['left', 'right', 'top']].set_visible(False)
    axes.spines['bottom'].set_color(AXIS_INK)
    axes.set_title(video.name, loc='left', size=9, color=INK, pad=3)
    if video.num_hidden:
        axes.set_title(
            f'{video.num_hidden} more overlapping, not drawn',
            loc='right',
            size=7,
            color=AXIS_INK,
            pad=3)


def _draw_bar(axes: Axes, group: Group, index: int, y: float,
              styles: ClassStyles, seconds_per_inch: float) -> None:
    """Draw one segment with its class, and score, where they fit."""
    start, end = group.segments[index]
    label, score = int(group.labels[index]), 1.
    texts = [styles.name(label)]
    if group.scores is not None:
        score = float(group.scores[index])
        texts.insert(0, f'{texts[0]}  {score:.2f}')
    style = styles.patch(label, score)
    # short actions stay visible
    width = max(end - start, 0.015 * seconds_per_inch)
    axes.add_patch(
        Rectangle((start, y + 0.025), width, LANE - 0.05, lw=0.6, **style))
    for text in texts:
        if LETTER * (len(text) + 1) * seconds_per_inch <= width:
            # a ground of its own keeps it readable on a hatch
            axes.text(start + width / 2, y + LANE / 2, text, size=7,
                      color=text_color(style['facecolor']), clip_on=True,
                      ha='center', va='center_baseline',
                      bbox=dict(fc=style['facecolor'], lw=0, pad=0.5)
                      )  # yapf: disable
            break


def _legend_columns(styles: ClassStyles, width: float) -> int:
    """Class names that fit beside each other, left of the score legend."""
    longest = max((len(styles.name(n)) for n in styles.labels), default=1)
    columns = max(int((width - LEFT - 2.6) / (0.45 + 0.075 * longest)), 1)
    lines = math.ceil(len(styles.labels) / columns)
    return math.ceil(len(styles.labels) / max(lines, 1)) or 1


def _add_legends(figure: Figure, styles: ClassStyles, columns: int,
                 top: float) -> None:
    """List the classes, and what fading means, at relative height ``top``."""
    width = figure.get_figwidth()
    names = [
        Patch(label=styles.name(label), **styles.patch(label))
        for label in styles.labels
    ]
    scores = [
        Patch(label=f'{score:g}', facecolor=fade('#444444', score))
        for score in (0.2, 0.6, 1.)
    ]
    scores.insert(0, Patch(label='score', visible=False))
    options = dict(frameon=False, fontsize=8, labelcolor=INK, borderpad=0.3,
                   handlelength=1.2, columnspacing=1.2, handletextpad=0.5,
                   borderaxespad=0.)  # yapf: disable
    figure.legend(
        handles=names,
        loc='upper left',
        bbox_to_anchor=(LEFT / width, top),
        ncols=columns,
        **options)
    figure.legend(
        handles=scores,
        loc='upper right',
        bbox_to_anchor=(1 - RIGHT / width, top),
        ncols=4,
        **options)
