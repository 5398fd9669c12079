"""Figures of the error analysis, models side by side."""
from typing import Any, Dict, List, Sequence

import numpy as np
from error_report import Report
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from dyfadet_mm.fileio import class_name, cut
from dyfadet_mm.visualization.styles import AXIS_INK, INK, PALETTE

# classes of a confusion matrix, and characters of a name
MOST_CLASSES, MOST_LETTERS = 25, 24
CHARACTERISTICS = ('length', 'coverage', 'num-instances')


def draw_figures(reports: Sequence[Report],
                 classes: Sequence[str]) -> Dict[str, Figure]:
    """Draw all figures.

    Args:
        reports (Sequence[Report]): Of every model.
        classes (Sequence[str]): Names in label order.

    Returns:
        dict: Figures with Agg canvases, by the names of their files.
    """
    return dict(
        profile=_draw_profile(reports),
        impact=_draw_impact(reports),
        sensitivity=_draw_buckets(reports, 'sensitivity', 'mAP_N'),
        false_negatives=_draw_buckets(reports, 'false_negatives',
                                      'share missed'),
        boundaries=_draw_boundaries(reports),
        scores=_draw_scores(reports),
        confusion=_draw_confusion(reports, classes))


def _new_figure(rows: int,
                columns: int,
                width: float = 3.6,
                height: float = 3.) -> Any:
    """A figure and its axes, always (rows, columns)."""
    figure = Figure(
        figsize=(max(width * columns, 4.5), height * rows + 0.3),
        dpi=110,
        facecolor='white',
        layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for each in axes.flat:
        each.tick_params(labelsize=7, colors=AXIS_INK)
        each.spines[['right', 'top']].set_visible(False)
    return figure, axes


def _label(axes: Axes, title: str, x: str = '', y: str = '') -> None:
    """Say what a panel shows; names are never mark-up."""
    axes.set_title(
        cut(title, 40), loc='left', size=9, color=INK, parse_math=False)
    axes.set_xlabel(x, size=8, color=INK)
    axes.set_ylabel(y, size=8, color=INK)


def _legend(axes: Axes) -> None:
    """A legend whose names are never mark-up."""
    _plain_text(axes.legend(frameon=False, fontsize=7).get_texts())


def _legend_below(figure: Figure, axes: Axes) -> None:
    """The same for all panels."""
    legend = figure.legend(
        *axes.get_legend_handles_labels(),
        loc='outside lower center',
        ncols=3,
        frameon=False,
        fontsize=7)
    _plain_text(legend.get_texts())


def _plain_text(texts: Sequence[Text]) -> None:
    """Show signs of mark-up as they are."""
    for text in texts:
        text.set_parse_math(False)


def _bars(axes: Axes, names: Sequence[str], values: Sequence[Sequence[float]],
          reports: Sequence[Report]) -> None:
    """Bars of every model beside each other."""
    width = 0.8 / len(reports)
    for i, (report, row) in enumerate(zip(reports, values)):
        axes.bar(
            np.arange(len(names)) + (i - (len(reports) - 1) / 2) * width,
            np.nan_to_num(np.asarray(row, dtype=float)),
            width,
            color=PALETTE[i % len(PALETTE)],
            label=cut(report.name, MOST_LETTERS))
    axes.set_xticks(range(len(names)), names)


def _draw_profile(reports: Sequence[Report]) -> Figure:
    """Shares of the types, a panel per model."""
    figure, axes = _new_figure(1, len(reports))
    for each, report in zip(axes[0], reports):
        bottom = np.zeros(10)
        for i, (name, share) in enumerate(report.errors['profile'].items()):
            each.bar(
                np.arange(1, 11), share, 0.85, bottom, color=PALETTE[i],
                label=name)  # yapf: disable
            bottom = bottom + share
        each.set_ylim(0, 1)
        _label(each, report.name, 'detections by score, in numbers of actions',
               'share')
    _legend_below(figure, axes[0, 0])
    return figure


def _draw_impact(reports: Sequence[Report]) -> Figure:
    """What average mAP_N gains without each type."""
    figure, axes = _new_figure(1, 1, width=6.5)
    names = list(reports[0].errors['impact'])
    _bars(axes[0, 0], [name.replace(' ', '\n') for name in names],
          [list(report.errors['impact'].values()) for report in reports],
          reports)
    _label(axes[0, 0], 'Gain without false positives of a type', '',
           'average mAP_N')
    _legend(axes[0, 0])
    return figure


def _draw_buckets(reports: Sequence[Report], key: str, y: str) -> Figure:
    """A value per bucket, a panel per characteristic."""
    figure, axes = _new_figure(1, len(CHARACTERISTICS))
    for each, name in zip(axes[0], CHARACTERISTICS):
        edges = reports[0].errors['edges'][name]
        names = [
            f'{bucket}\n{low:.2g}\nto {high:.2g}' for bucket, low, high in zip(
                reports[0].errors[key][name], edges, edges[1:])
        ]
        _bars(each, names,
              [list(r.errors[key][name].values()) for r in reports], reports)
        each.tick_params(axis='x', labelsize=6)
        each.set_ylim(0, 1)
        _label(each, name, '', y)
    _legend_below(figure, axes[0, 0])
    return figure


def _draw_boundaries(reports: Sequence[Report]) -> Figure:
    """Histograms of start and end, in seconds and in lengths."""
    figure, axes = _new_figure(2, 2, height=2.4)
    for row, (unit, limit) in enumerate((('s', 3.), ('lengths', 1.))):
        bins = np.linspace(-limit, limit, 41)
        for each, side in zip(axes[row], ('start', 'end')):
            for i, report in enumerate(reports):
                values = report.details['boundaries'][f'{side}_{unit}']
                each.hist(
                    values.clip(-limit, limit),
                    bins,
                    histtype='step',
                    color=PALETTE[i % len(PALETTE)],
                    label=cut(report.name, MOST_LETTERS))
            each.axvline(0, color=AXIS_INK, lw=0.6, ls=':')
            _label(each, f'{side}, detected less annotated', unit, 'actions')
    _legend(axes[0, 0])
    return figure


def _draw_scores(reports: Sequence[Report]) -> Figure:
    """Calibration, and recall against the number of detections."""
    figure, (axes, ) = _new_figure(1, 2)
    for i, report in enumerate(reports):
        style = dict(
            color=PALETTE[i % len(PALETTE)],
            marker='o',
            ms=3,
            label=cut(report.name, MOST_LETTERS))
        values = report.details['calibration']
        seen = values['count'] > 0
        axes[0].plot(values['score'][seen], values['precision'][seen], **style)
        recall = report.details['recall']
        axes[1].plot(list(recall), list(recall.values()), **style)
    axes[0].plot([0, 1], [0, 1], color=AXIS_INK, lw=0.6, ls=':')
    axes[1].set_xscale('log')
    axes[1].set_ylim(0, 1)
    _label(axes[0], 'Calibration; dotted: ideal', 'mean score', 'precision')
    _label(axes[1], 'Recall', 'best detections of every video', 'recall')
    _legend(axes[1])
    return figure


def _draw_confusion(reports: Sequence[Report],
                    classes: Sequence[str]) -> Figure:
    """Shares of each class's actions, the most confused classes."""
    figure, axes = _new_figure(1, len(reports), width=5.5, height=5.)
    for each, report in zip(axes[0], reports):
        labels = report.details['confusion']['labels']
        counts = report.details['confusion']['counts']
        chosen = _most_confused(counts)
        rows = counts[chosen][:, [*chosen, len(labels)]]
        shares = rows / counts[chosen].sum(1, keepdims=True).clip(1)
        each.imshow(shares, cmap='Blues', vmin=0, vmax=1, aspect='auto')
        names = [
            cut(class_name(int(labels[i]), classes), MOST_LETTERS)
            for i in chosen
        ]
        each.set_xticks(range(len(names) + 1), [*names, '(missed)'])
        each.set_yticks(range(len(names)), names)
        each.tick_params(axis='x', rotation=90)
        _plain_text([*each.get_xticklabels(), *each.get_yticklabels()])
        _label(each, report.name, 'detected as', 'class')
    return figure


def _most_confused(counts: np.ndarray) -> List[int]:
    """Ranks of classes with actions, at most ``MOST_CLASSES``."""
    inner = counts[:-1, :-1]
    wrong = inner.sum(1) - np.diag(inner)
    present = np.flatnonzero(counts[:-1].sum(1))
    order = present[np.argsort(-wrong[present], kind='stable')]
    return sorted(order[:MOST_CLASSES].tolist())
