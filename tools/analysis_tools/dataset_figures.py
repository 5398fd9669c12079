"""Histograms of data sets, as one image."""
from typing import Optional, Sequence

import numpy as np
from dataset_checks import class_counts
from dataset_survey import Survey
from dataset_timing import measure_timing
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dyfadet_mm.models.heads import BaseTADHead
from dyfadet_mm.visualization.styles import AXIS_INK, INK, PALETTE

MOST_NAMES = 40  # classes that are named


def draw_histograms(surveys: Sequence[Survey], head: Optional[BaseTADHead],
                    max_seq_len: Optional[int]) -> Figure:
    """Draw classes, lengths of actions and videos, and the fit of the stride.

    Args:
        surveys (Sequence[Survey]): With readings.
        head (BaseTADHead, optional): For its regression ranges.
        max_seq_len (int, optional): Cells.

    Returns:
        Figure: With an Agg canvas.
    """
    most = max([len(survey.classes) for survey in surveys] + [10])
    figure = Figure(
        figsize=(13, 3.6 + 0.13 * min(most, MOST_NAMES)),
        dpi=120,
        facecolor='white',
        layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    _draw_classes(axes[0, 0], surveys)
    _draw_action_lengths(axes[0, 1], surveys, head)
    _draw_video_lengths(axes[1, 0], surveys, max_seq_len)
    _draw_timing(axes[1, 1], surveys)
    for each in axes.flat:
        each.tick_params(labelsize=7, colors=AXIS_INK)
        each.spines[['right', 'top']].set_visible(False)
        if each.get_legend_handles_labels()[0]:
            each.legend(frameon=False, fontsize=7)
    return figure


def _title(axes: Axes, title: str, x: str, y: str) -> None:
    """Say what a panel shows."""
    axes.set_title(title, loc='left', size=9, color=INK)
    axes.set_xlabel(x, size=8, color=INK)
    axes.set_ylabel(y, size=8, color=INK)


def _draw_classes(axes: Axes, surveys: Sequence[Survey]) -> None:
    """Actions of every class, the most frequent first."""
    classes = max((survey.classes for survey in surveys), key=len)
    counts = [class_counts(survey) for survey in surveys]
    order = sorted(classes, key=lambda n: -sum(c.get(n, 0) for c in counts))
    width = 0.8 / len(surveys)
    for i, (survey, count) in enumerate(zip(surveys, counts)):
        axes.bar(
            np.arange(len(order)) + i * width,
            [count.get(name, 0) for name in order],
            width,
            color=PALETTE[i],
            label=survey.name)
    axes.margins(y=0.2)  # for the legend
    if len(order) <= MOST_NAMES:
        axes.set_xticks(range(len(order)), order, rotation=60, ha='right')
    _title(axes, 'Classes', '', 'actions')


def _draw_action_lengths(axes: Axes, surveys: Sequence[Survey],
                         head: Optional[BaseTADHead]) -> None:
    """Lengths on the grid; lines part the ranges of the levels."""
    lengths = [_action_lengths(survey) for survey in surveys]
    _histogram(axes, lengths, surveys)
    axes.set_xscale('log', base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f'{value:g}')
    for _, last in () if head is None else head.points.regression_ranges[:-1]:
        # the farther end of an action is half of it away, from its centre
        axes.axvline(2 * last, color=AXIS_INK, lw=0.6, ls=':')
    _title(axes, 'Actions; dotted: twice the ends of the regression ranges',
           'length in cells', 'actions')


def _draw_video_lengths(axes: Axes, surveys: Sequence[Survey],
                        max_seq_len: Optional[int]) -> None:
    """Cells of the videos as the model sees them."""
    lengths = [
        np.array([r.num_cells for r in survey.readings.values()])
        for survey in surveys
    ]
    _histogram(axes, lengths, surveys, log=False)
    if max_seq_len is not None:
        axes.axvline(max_seq_len, color=AXIS_INK, lw=0.8, ls='--')
    _title(axes, 'Videos; dashed: max_seq_len', 'length in cells', 'videos')


def _draw_timing(axes: Axes, surveys: Sequence[Survey]) -> None:
    """Cells against seconds, and what the config expects."""
    for i, survey in enumerate(surveys):
        timing = None if survey.dataset is None else measure_timing(survey)
        if timing is None:
            continue
        axes.scatter(
            timing.seconds,
            timing.cells,
            s=5,
            color=PALETTE[i],
            label=f'{survey.name}: {timing.rate:.3g} cells/s, config '
            f'{timing.config_rate:.3g}')
        order = np.argsort(timing.seconds)
        axes.plot(
            timing.seconds[order],
            timing.expected[order],
            color=PALETTE[i],
            lw=0.7)
    _title(axes, 'Cells as stored; line: stride and fps of the config',
           'duration in s', 'cells')


def _action_lengths(survey: Survey) -> np.ndarray:
    """Cells of every action, (N, )."""
    segments = [r.segments for r in survey.readings.values()]
    segments = np.concatenate(segments) if segments else np.zeros((0, 2))
    return segments[:, 1] - segments[:, 0]


def _histogram(axes: Axes,
               values: Sequence[np.ndarray],
               surveys: Sequence[Survey],
               log: bool = True) -> None:
    """Histograms of equal bins; what is not above 0 is left out."""
    values = [each[each > 0] for each in values]
    both = np.concatenate(values)
    if not len(both):
        return
    low, high = both.min(), both.max() * 1.02
    bins = np.geomspace(low, high, 33) if log else np.linspace(low, high, 33)
    for i, (each, survey) in enumerate(zip(values, surveys)):
        axes.hist(
            each,
            bins,
            histtype='stepfilled',
            color=PALETTE[i],
            alpha=0.6,
            label=survey.name)
