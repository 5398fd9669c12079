"""Gates of dynamic layers: over a video, and how far they are open."""
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .layout import LEFT, RIGHT
from .styles import AXIS_INK, INK, PALETTE
from .timeline import draw_timeline, new_axes

# inches
ROW, GAP, HEADING, TITLE, BARS, AXIS = 0.2, 0.07, 0.38, 0.5, 1.5, 0.7
# least range of the colours of a path, so that noise is no pattern
LEAST_RANGE = 0.1
MEASURES = dict(
    rate='activated rate, share of open gates',
    strength='strength, mean of the open gates')


def draw_gates(video: Mapping[str, Any],
               paths: Mapping[str, Mapping[str, Any]],
               activity: Sequence[Mapping[str, Any]],
               classes: Optional[Sequence[str]] = None,
               *,
               layer: str,
               scope: str,
               score_thr: float = 0.3,
               width: float = 11.) -> Figure:
    """Draw gates below actions and detections, and how far they are open.

    Args:
        video (Mapping): As of :func:`draw_timeline`.
        paths (Mapping): By the name of the path, ``rows`` (K or 1, T),
            ``edges`` (T + 1, ), the borders of its cells in seconds, and
            ``text``, what the rows are. Each path has its own colours, from
            its least to its greatest value.
        activity (Sequence[Mapping]): ``path``, ``level``, ``rate`` and
            ``strength``, NaN where there is none.
        classes (Sequence[str], optional): Names in label order. Defaults to
            None.
        layer (str): Whose gates are shown over time.
        scope (str): Over what rate and strength are means.
        score_thr (float): Lowest score drawn. Defaults to 0.3.
        width (float): Inches. Defaults to 11.

    Returns:
        Figure: With an Agg canvas.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Fig. 6 and 8.
    """
    heights = [len(each['rows']) * ROW for each in paths.values()]
    strips = sum(heights) + GAP * len(heights)
    room = HEADING + strips + TITLE + BARS + AXIS
    figure = draw_timeline([video],
                           classes,
                           score_thr=score_thr,
                           width=width,
                           room=room)
    height = figure.get_figheight()
    bottom = height - room + HEADING
    figure.text(LEFT / width, 1 - (bottom - 0.06) / height,
                f'(a) {layer};  {_explain(paths)}', size=8, color=INK,
                parse_math=False)  # yapf: disable
    for (name, each), size in zip(paths.items(), heights):
        bottom += size + GAP
        axes = new_axes(figure, bottom, size)
        axes.set_xlim(figure.axes[0].get_xlim())
        _draw_strip(axes, name, each['rows'], each['edges'])
    half = (width - LEFT - RIGHT) / 2
    for i, (key, text) in enumerate(MEASURES.items()):
        axes = figure.add_axes(
            ((LEFT + i * (half + 0.2)) / width, AXIS / height,
             (half - 0.2) / width, BARS / height))
        _draw_bars(axes, activity, key)
        axes.set_title(f'(b) {text}; {scope}', loc='left', size=8, color=INK)
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc='lower right',
        ncols=5,
        frameon=False,
        fontsize=8,
        bbox_to_anchor=(1 - RIGHT / width, 0))
    return figure


def _explain(paths: Mapping[str, Mapping[str, Any]]) -> str:
    """What the rows of the paths are, each text once."""
    names: Dict[str, List[str]] = {}
    for name, each in paths.items():
        names.setdefault(each['text'], []).append(name)
    return ';  '.join(f'{", ".join(each)}: {text}'
                      for text, each in names.items())


def _draw_strip(axes: Axes, name: str, rows: np.ndarray,
                edges: np.ndarray) -> None:
    """Gates of a path over time, beside their least and greatest value."""
    low, high = float(rows.min()), float(rows.max())
    axes.pcolormesh(
        edges,
        np.arange(len(rows) + 1),
        rows,
        cmap='viridis',
        vmin=min(low, high - LEAST_RANGE),
        vmax=high,
        rasterized=True)
    axes.invert_yaxis()  # the first tap, which reads what was, is above
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(AXIS_INK)
    axes.text(-0.008, 0.5, f'{name}  {low:.2f}\u2013{high:.2f}', size=7,
              color=INK, transform=axes.transAxes, ha='right',
              va='center')  # yapf: disable


def _draw_bars(axes: Axes, activity: Sequence[Mapping[str, Any]],
               key: str) -> None:
    """A bar for every path of every level."""
    paths = list(dict.fromkeys(each['path'] for each in activity))
    levels = sorted({each['level'] for each in activity})
    size = 0.8 / len(paths)
    for i, path in enumerate(paths):
        rows = [each for each in activity if each['path'] == path]
        axes.bar([
            each['level'] + (i - (len(paths) - 1) / 2) * size for each in rows
        ],
                 np.nan_to_num([each[key] for each in rows]),
                 size,
                 color=PALETTE[i],
                 label=path)
    axes.set_xticks(levels)
    axes.set_ylim(0, 1)
    axes.set_xlabel('level that receives', size=8, color=INK)
    axes.tick_params(labelsize=7, colors=AXIS_INK)
    axes.spines[['right', 'top']].set_visible(False)
