"""The results of ``compare.py`` as Markdown, CSV and a bar chart."""
import csv
from pathlib import Path
from statistics import mean, stdev
from typing import Collection, Dict, List, NamedTuple, Optional, Sequence

from compare_costs import Cost
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dyfadet_mm.fileio import atomic_path
from dyfadet_mm.visualization import Lettering, save_figure
from dyfadet_mm.visualization.styles import AXIS_INK, INK, PALETTE

#: Weights that are tested, see ``compare_runs.py``.
EPOCHS = ('best', 'last')


class Row(NamedTuple):
    """A config with everything that is known about it.

    Attributes:
        label (str): Its name.
        checkpoint (str): Weights in the table, ``'best'`` or ``'last'``.
        results (list[dict]): ``result.json`` of every seed that finished.
        cost (Cost, optional): None if it could not be measured.
    """
    label: str
    checkpoint: str
    results: List[dict]
    cost: Optional[Cost]

    @property
    def train_seconds(self) -> List[float]:
        """Seconds of the training of all seeds."""
        return [result['train_seconds'] for result in self.results]

    def percents(self,
                 metric: str,
                 checkpoint: Optional[str] = None) -> Dict[int, float]:
        """A metric of the test by seed, in percent.

        Args:
            metric (str): Its name.
            checkpoint (str, optional): ``'best'`` or ``'last'``. Defaults to
                None, that in the table.

        Returns:
            dict[int, float]: Without the seeds that lack it.
        """
        tests = {
            result['seed']: result.get(checkpoint or self.checkpoint)
            for result in self.results
        }
        return {
            seed: 100 * test['metrics'][metric]
            for seed, test in tests.items()
            if test and metric in test['metrics']
        }


def metric_names(rows: Sequence[Row]) -> List[str]:
    """All metrics, in the order of the tests, the main one last."""
    names = list(
        dict.fromkeys(name for row in rows for result in row.results
                      for name in result[row.checkpoint]['metrics']))
    names.sort(key=lambda name: name.endswith('average_mAP'))  # stable
    return names


def seeds_of(rows: Sequence[Row]) -> List[int]:
    """The seeds that finished for any config."""
    return sorted({each['seed'] for row in rows for each in row.results})


def average(values: Collection[float]) -> Optional[float]:
    """Mean; None for no value."""
    return mean(values) if values else None


def spread(values: Collection[float]) -> Optional[float]:
    """Standard deviation of a sample; None for fewer than two values."""
    return stdev(values) if len(values) > 1 else None


def extent(values: Collection[float]) -> Optional[float]:
    """Largest minus smallest value; None for fewer than two values."""
    return max(values) - min(values) if len(values) > 1 else None


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
    names, seeds = metric_names(rows), seeds_of(rows)
    table = [_csv_cells(row, names, seeds) for row in rows]
    with open(path, 'w', encoding='utf-8', newline='') as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)


def _csv_cells(row: Row, names: Sequence[str], seeds: Sequence[int]) -> dict:
    """Cells of one row by column; None where nothing was measured."""
    cells = dict(config=row.label, seeds=len(row.results))
    for name in names:
        values = row.percents(name).values()
        cells[name] = average(values)
        if len(seeds) > 1:
            cells[f'{name} s.d.'] = spread(values)
    for name in names[-1:]:
        values = row.percents(name).values()
        if len(seeds) > 1:
            cells[f'{name} max - min'] = extent(values)
            cells[f'{name} worst seed'] = min(values, default=None)
        for which in EPOCHS:
            by_seed = row.percents(name, which)
            cells[f'{name} {which} epoch'] = average(by_seed.values())
            for seed in seeds:
                cells[f'{name} {which} epoch, seed {seed}'] = by_seed.get(seed)
    cost = row.cost and row.cost._asdict()
    cells.update(cost or dict.fromkeys(Cost._fields))
    cells['train_seconds'] = average(row.train_seconds)
    return cells


def markdown_table(rows: Sequence[Row]) -> List[str]:
    """Lay the rows out for people.

    Args:
        rows (Sequence[Row]): One per config.

    Returns:
        list[str]: Lines of a Markdown table.
    """
    names, many = metric_names(rows), len(seeds_of(rows)) > 1
    heads = [name.split('/')[-1] for name in names]
    if many:
        heads[-1] += ' ± s.d.'
        heads.append('worst seed')
    heads = [
        'config', 'seeds', *heads, *(f'{which} epoch' for which in EPOCHS),
        'parameters', 'GFLOP', 'latency', 'training'
    ]
    lines = [heads, ['---'] + ['--:'] * (len(heads) - 1)]
    lines += [_markdown_cells(row, names, many) for row in rows]
    return ['| ' + ' | '.join(cells) + ' |' for cells in lines]


def _markdown_cells(row: Row, names: Sequence[str], many: bool) -> List[str]:
    """Cells of one row; empty where nothing was measured."""
    main = names[-1] if names else ''
    numbers = [average(row.percents(name).values()) for name in names]
    if many:
        numbers.append(min(row.percents(main).values(), default=None))
    numbers += [average(row.percents(main, each).values()) for each in EPOCHS]
    cells = [row.label, str(len(row.results))]
    cells += ['' if each is None else f'{each:.2f}' for each in numbers]
    deviation = spread(row.percents(main).values())
    if deviation is not None:
        cells[1 + len(names)] += f' ± {deviation:.2f}'
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
    rows = [row for row in rows if row.results]
    name = metric_names(rows)[-1] if rows else ''
    figure = Figure(
        figsize=(7, 1.2 + 0.35 * len(rows)),
        dpi=120,
        facecolor='white',
        layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    values = [row.percents(name).values() for row in rows]
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
