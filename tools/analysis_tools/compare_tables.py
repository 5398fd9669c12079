"""The results of ``compare.py`` as Markdown, CSV and a bar chart."""
import csv
from pathlib import Path
from statistics import mean, stdev
from typing import Dict, List, NamedTuple, Optional, Sequence

from compare_costs import Cost
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dyfadet_mm.fileio import atomic_path
from dyfadet_mm.visualization import Lettering, save_figure
from dyfadet_mm.visualization.styles import AXIS_INK, INK, PALETTE


class Row(NamedTuple):
    """A config with everything that is known about it.

    Attributes:
        label (str): Its name.
        metrics (list[dict]): Of the test, as fractions, for every seed that
            finished.
        train_seconds (list[float]): Of the training, likewise.
        cost (Cost, optional): None if it could not be measured.
    """
    label: str
    metrics: List[Dict[str, float]]
    train_seconds: List[float]
    cost: Optional[Cost]

    def percents(self, metric: str) -> List[float]:
        """A metric of all seeds, in percent."""
        return [100 * each[metric] for each in self.metrics if metric in each]


def metric_names(rows: Sequence[Row]) -> List[str]:
    """All metrics, in the order of the tests, the main one last."""
    names = list(
        dict.fromkeys(name for row in rows for each in row.metrics
                      for name in each))
    names.sort(key=lambda name: name.endswith('average_mAP'))  # stable
    return names


def spread(values: Sequence[float]) -> Optional[float]:
    """Standard deviation of a sample; None for fewer than two values."""
    return stdev(values) if len(values) > 1 else None


def write_report(rows: Sequence[Row], note: str, failures: Sequence[str],
                 folder: Path) -> str:
    """Write ``comparison.md``, ``.csv`` and ``.png``; old ones are replaced.

    Args:
        rows (Sequence[Row]): One per config.
        note (str): What the numbers are.
        failures (Sequence[str]): What is missing, in words.
        folder (Path): Of the comparison.

    Returns:
        str: The text in Markdown.
    """
    lines = [*markdown_table(rows), '', note]
    if failures:
        lines += ['', 'Failed:', '', *(f'- {each}' for each in failures)]
    text = '\n'.join(lines) + '\n'
    with atomic_path(folder / 'comparison.md') as part:
        Path(part).write_text(text, encoding='utf-8')
    with atomic_path(folder / 'comparison.csv') as part:
        write_csv(rows, Path(part))
    save_figure(draw_chart(rows), folder / 'comparison.png')
    return text


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write all numbers: percent, seconds, operations.

    Args:
        rows (Sequence[Row]): One per config.
        path (Path): An old file is replaced.
    """
    names = metric_names(rows)
    with_spread = any(len(row.metrics) > 1 for row in rows)
    with open(path, 'w', encoding='utf-8', newline='') as file:
        writer = csv.DictWriter(file, ['config', 'seeds'], restval='')
        for name in names:
            writer.fieldnames += [name] + [f'{name} s.d.'] * with_spread
        writer.fieldnames += [*Cost._fields, 'train_seconds']
        writer.writeheader()
        for row in rows:
            cells = dict(config=row.label, seeds=len(row.metrics))
            for name in names:
                values = row.percents(name)
                cells[name] = mean(values) if values else ''
                if with_spread:
                    cells[f'{name} s.d.'] = spread(values)
            if row.cost is not None:
                cells.update(row.cost._asdict())
            if row.train_seconds:
                cells['train_seconds'] = mean(row.train_seconds)
            writer.writerow(cells)


def markdown_table(rows: Sequence[Row]) -> List[str]:
    """Lay the rows out for people.

    Args:
        rows (Sequence[Row]): One per config.

    Returns:
        list[str]: Lines of a Markdown table.
    """
    names = metric_names(rows)
    most = max((len(row.metrics) for row in rows), default=0)
    heads = [name.split('/')[-1] for name in names]
    if most > 1:
        heads[-1] += ' ± s.d.'
    heads = [
        'config', 'seeds', *heads, 'parameters', 'GFLOP', 'latency', 'training'
    ]
    lines = [heads, ['---'] + ['--:'] * (len(heads) - 1)]
    lines += [_markdown_cells(row, names) for row in rows]
    return ['| ' + ' | '.join(cells) + ' |' for cells in lines]


def _markdown_cells(row: Row, names: Sequence[str]) -> List[str]:
    """Cells of one row; empty where nothing was measured."""
    cells = [row.label, str(len(row.metrics))]
    for name in names:
        values = row.percents(name)
        cells.append(f'{mean(values):.2f}' if values else '')
        if name == names[-1] and spread(values) is not None:
            cells[-1] += f' ± {spread(values):.2f}'
    if row.cost is None:
        cells += ['', '', '']
    else:
        cells += [
            f'{row.cost.parameters / 1e6:.3f} M', f'{row.cost.flop / 1e9:.3f}',
            f'{1e3 * row.cost.latency:.1f} ms'
        ]
    cells.append(
        duration(mean(row.train_seconds)) if row.train_seconds else '')
    return cells


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, as in 1:02:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{seconds:02}'


def draw_chart(rows: Sequence[Row]) -> Figure:
    """Draw the main metric of every config, with the spread over seeds.

    Args:
        rows (Sequence[Row]): One per config; those without results are left
            out.

    Returns:
        Figure: With an Agg canvas, the first config at the top.
    """
    rows = [row for row in rows if row.metrics]
    name = metric_names(rows)[-1] if rows else ''
    figure = Figure(
        figsize=(7, 1.2 + 0.35 * len(rows)),
        dpi=120,
        facecolor='white',
        layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    values = [row.percents(name) for row in rows]
    letters = Lettering([row.label for row in rows])
    bars = axes.barh([letters.spell(row.label) for row in rows],
                     [mean(each) if each else 0 for each in values],
                     xerr=[spread(each) or 0 for each in values],
                     color=PALETTE[1],
                     error_kw=dict(ecolor=INK, capsize=3, lw=1))
    axes.bar_label(bars, fmt='%.1f', padding=4, size=8, color=INK)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.set_xlabel(f'{name.split("/")[-1]} (%)', size=8, color=INK)
    axes.tick_params(labelsize=8, colors=AXIS_INK, labelcolor=INK)
    for text in axes.get_yticklabels():
        text.set(**letters.font())
    axes.spines[['right', 'top']].set_visible(False)
    return figure
