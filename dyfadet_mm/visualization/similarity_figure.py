"""How alike the features of an encoder are, for several models."""
from typing import Any, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from .lettering import Lettering
from .styles import AXIS_INK, INK, PALETTE

# of lines, so that more than colour tells them apart
MARKERS = 'osD^vP*X'
CURVES = dict(
    mean='all pairs of cells',
    inside='pairs within one action',
    across='action and background')
# matrices beside each other, and inches of them all
COLUMNS, WIDTH, CURVES_HEIGHT = (3, 4), 10.5, 3.


def draw_similarity(models: Sequence[Mapping[str, Any]],
                    levels: Sequence[str]) -> Figure:
    """Draw mean similarities by level, above the matrix of a video.

    Args:
        models (Sequence[Mapping]): Each with ``name`` (str); ``mean``,
            ``inside`` and ``across``, a number of each of its levels, NaN
            where there is none; and of a ``video`` (str) and ``level``,
            ``matrix`` (T, T), ``edges`` (T + 1, ), the borders of its cells,
            and ``segments`` (N, 2), its actions, both in seconds.
        levels (Sequence[str]): Names of the levels; a model with fewer has
            the first ones.

    Returns:
        Figure: With an Agg canvas.

    Raises:
        ValueError: If there is no model.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Fig. 5.
    """
    if not models:
        raise ValueError('models must be at least one, but got none')
    letters = Lettering(each[key] for each in models
                        for key in ('name', 'video'))
    columns = int(np.clip(len(models), *COLUMNS))
    rows = -(-len(models) // columns)
    heights = CURVES_HEIGHT, WIDTH / columns * rows
    figure = Figure(
        figsize=(WIDTH, sum(heights)),
        dpi=100,
        facecolor='white',
        layout='constrained')
    FigureCanvasAgg(figure)
    upper, lower = figure.subfigures(2, 1, height_ratios=heights)
    panels = upper.subplots(1, len(CURVES), sharey=True)
    for axes, (key, title) in zip(panels, CURVES.items()):
        _draw_curves(axes, [each[key] for each in models], levels)
        axes.set_title(f'(a) {title}', loc='left', size=9, color=INK)
    panels[0].set_ylabel('mean cosine similarity', size=8, color=INK)
    upper.legend(
        panels[0].get_lines(), [letters.spell(x['name']) for x in models],
        loc='outside lower center',
        ncols=4,
        frameon=False,
        prop=dict(size=8, **letters.font()))
    panels = lower.subplots(rows, columns, squeeze=False).ravel()
    _draw_matrices(lower, panels, models, letters)
    return figure


def _draw_matrices(figure: SubFigure, panels: np.ndarray,
                   models: Sequence[Mapping[str,
                                            Any]], letters: Lettering) -> None:
    """The matrix of every model, in the same colours."""
    lowest = min(float(each['matrix'].min()) for each in models)
    for axes in panels[len(models):]:
        axes.set_axis_off()
    for axes, each in zip(panels, models):
        mesh = _draw_matrix(axes, each['matrix'], each['edges'],
                            each['segments'], lowest)
        name, video = (letters.spell(each[key]) for key in ('name', 'video'))
        frames = '; frames: actions' if len(each['segments']) else ''
        axes.set_title(
            f'(b) {name}\n{video}, level {each["level"]}{frames}',
            loc='left',
            size=9,
            color=INK,
            **letters.font())
    bar = figure.colorbar(mesh, ax=panels.tolist(), shrink=0.8, pad=0.02)
    bar.set_label('cosine similarity', size=8, color=INK)
    bar.ax.tick_params(labelsize=7, colors=AXIS_INK)


def _draw_curves(axes: Axes, curves: Sequence[Sequence[float]],
                 levels: Sequence[str]) -> None:
    """A line for every model."""
    for i, values in enumerate(curves):
        axes.plot(
            range(len(values)),
            values,
            color=PALETTE[i % len(PALETTE)],
            marker=MARKERS[i % len(MARKERS)],
            ms=4,
            lw=1.2)
    axes.set_xticks(range(len(levels)), levels)
    axes.set_xlabel('level', size=8, color=INK)
    axes.tick_params(labelsize=7, colors=AXIS_INK)
    axes.spines[['right', 'top']].set_visible(False)
    axes.grid(axis='y', color='#E5E5E5', lw=0.6)


def _draw_matrix(axes: Axes, matrix: np.ndarray, edges: np.ndarray,
                 segments: np.ndarray, lowest: float) -> Any:
    """A matrix over time, its actions as frames on the diagonal."""
    mesh = axes.pcolormesh(
        edges,
        edges,
        matrix,
        cmap='viridis',
        vmin=lowest,
        vmax=1,
        rasterized=True)
    for start, end in np.reshape(segments, (-1, 2)):
        # white on a dark rim shows on all colours
        for color, width in ((INK, 2.4), ('white', 1.2)):
            axes.add_patch(
                Rectangle((start, start), end - start, end - start, fill=False,
                          edgecolor=color, lw=width))  # yapf: disable
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(edges[-1], edges[0])
    axes.set_aspect('equal')
    axes.tick_params(labelsize=7, colors=AXIS_INK)
    axes.xaxis.set_major_formatter(lambda value, _: f'{value:g} s')
    axes.yaxis.set_major_formatter(lambda value, _: f'{value:g} s')
    return mesh
