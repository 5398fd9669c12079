"""The numbers of the error analysis as tables."""
import csv
import math
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy as np
from error_report import Report

from dyfadet_mm.fileio import atomic_path, class_name

# edges of the histograms of boundary errors
BINS = dict(
    s=(-math.inf, -5, -2, -1, -.5, -.2, 0, .2, .5, 1, 2, 5, math.inf),
    lengths=(-math.inf, -1, -.5, -.3, -.2, -.1, 0, .1, .2, .3, .5, 1,
             math.inf))


class Table(NamedTuple):
    """Rows of values below names."""

    title: str
    names: Sequence[str]
    rows: List[Sequence[Any]]


def make_tables(reports: Sequence[Report],
                classes: Sequence[str]) -> Dict[str, Table]:
    """All tables; the first column names the model.

    Args:
        reports (Sequence[Report]): Of every model.
        classes (Sequence[str]): Names in label order.

    Returns:
        dict: Tables by the names of their files, without suffix.
    """
    makers = dict(
        summary=_summary,
        types=_types,
        profile=_profile,
        sensitivity=_sensitivity,
        false_negatives=_false_negatives,
        pairs=_pairs,
        boundaries=_boundaries,
        calibration=_calibration,
        recall=_recall,
        classes=_classes,
        confusion=_confusion,
        videos=_videos,
        misses=_worst('misses', 'Worst misses'),
        false_alarms=_worst('false_alarms', 'Worst false alarms'))
    tables = {}
    for file, make in makers.items():
        tables[file] = None
        for report in reports:
            title, names, rows = make(report, classes)
            rows = [[report.name, *row] for row in rows]
            if tables[file] is None:
                tables[file] = Table(title, ['model', *names], [])
            tables[file].rows.extend(rows)
    return tables


def write_table(path: str, table: Table) -> None:
    """Write a table as CSV; NaN is an empty cell.

    Args:
        path (str): The file.
        table (Table): What it holds.
    """
    with atomic_path(path) as part:
        with open(part, 'w', encoding='utf-8', newline='') as file:
            writer = csv.writer(file)
            writer.writerow(table.names)
            writer.writerows([_blank(cell) for cell in row]
                             for row in table.rows)


def _blank(cell: Any) -> Any:
    """A cell of a CSV file."""
    if isinstance(cell, (float, np.floating)):
        return '' if math.isnan(cell) else f'{cell:.6g}'
    if isinstance(cell, str) and cell[:1] in tuple('=+-@\t\r'):
        return f"'{cell}"  # which spreadsheets would calculate
    return '' if cell is None else cell


def _summary(report: Report, classes: Sequence[str]) -> Table:
    return Table(
        'Summary', ['fault', 'weight', 'what is seen', 'numbers', 'try'],
        [(each.fault, each.weight, each.sentence, each.evidence, each.advice)
         for each in report.findings])


def _types(report: Report, classes: Sequence[str]) -> Table:
    errors = report.errors
    total = max(sum(each.sum() for each in errors['counts'].values()), 1)
    return Table(
        'Types of detections: share of the best ones, and what average mAP_N '
        'gains without them', ['type', 'share', 'impact'],
        [(name, each.sum() / total, errors['impact'].get(name))
         for name, each in errors['counts'].items()])


def _profile(report: Report, classes: Sequence[str]) -> Table:
    profile = report.errors['profile']
    bands = [f'{i + 1} G' for i in range(10)]
    return Table('Profile: share of each type in bands of G detections',
                 ['type', *bands], [(k, *v) for k, v in profile.items()])


def _bucket_rows(report: Report, key: str) -> List[Sequence[Any]]:
    """Characteristic, bucket, its edges and number, and a value."""
    errors = report.errors
    return [(name, bucket, *errors['edges'][name][i:i + 2],
             errors['bucket_sizes'][name][bucket], value)
            for name, values in errors[key].items()
            for i, (bucket, value) in enumerate(values.items())]


def _sensitivity(report: Report, classes: Sequence[str]) -> Table:
    return Table(
        'Sensitivity: mAP_N on actions of one kind',
        ['characteristic', 'bucket', 'above', 'up to', 'actions', 'mAP_N'],
        _bucket_rows(report, 'sensitivity'))


def _false_negatives(report: Report, classes: Sequence[str]) -> Table:
    return Table(
        'False negatives: share of actions of one kind that are missed',
        ['characteristic', 'bucket', 'above', 'up to', 'actions', 'missed'],
        _bucket_rows(report, 'false_negatives'))


def _pairs(report: Report, classes: Sequence[str]) -> Table:
    sizes = report.errors['bucket_sizes']
    rows = []
    for (first, second), values in report.errors['pairs'].items():
        rows += [(first, bucket1, second, bucket2, values[i, j])
                 for i, bucket1 in enumerate(sizes[first])
                 for j, bucket2 in enumerate(sizes[second])]
    return Table('Share of actions of two kinds that are missed',
                 ['first', 'bucket', 'second', 'bucket of it', 'missed'], rows)


def _boundaries(report: Report, classes: Sequence[str]) -> Table:
    rows = []
    for side in ('start', 'end'):
        for unit, edges in BINS.items():
            values = report.details['boundaries'][f'{side}_{unit}']
            counts = np.histogram(values, edges)[0]
            rows += [(side, unit, low, high, count)
                     for low, high, count in zip(edges, edges[1:], counts)]
    return Table(
        'Boundary errors of actions met at tIoU 0.1, detected less annotated',
        ['side', 'unit', 'from', 'to', 'actions'], rows)


def _calibration(report: Report, classes: Sequence[str]) -> Table:
    values = report.details['calibration']
    edges = values['edges']
    return Table(
        'Calibration: precision by score',
        ['from', 'to', 'detections', 'mean score', 'precision'],
        list(
            zip(edges, edges[1:], values['count'], values['score'],
                values['precision'])))


def _recall(report: Report, classes: Sequence[str]) -> Table:
    return Table('Recall of the best detections of every video',
                 ['detections per video', 'recall'],
                 list(report.details['recall'].items()))


def _classes(report: Report, classes: Sequence[str]) -> Table:
    return Table('Classes', [
        'class', 'actions', 'detections', 'found', 'recall', 'AP_N'
    ], [(class_name(row['label'], classes), *list(row.values())[1:])
        for row in sorted(report.details['classes'], key=lambda r: r['AP_N'])])


def _confusion(report: Report, classes: Sequence[str]) -> Table:
    """Only cells that are not 0, the greatest first."""
    counts = report.details['confusion']['counts']
    names = [
        class_name(label, classes)
        for label in report.details['confusion']['labels'].tolist()
    ]
    rows = [((*names, '(background)')[i], (*names, '(missed)')[j], counts[i,
                                                                          j])
            for i, j in zip(*np.nonzero(counts))]
    return Table('Confusion: what actions of each class were detected as',
                 ['class', 'detected as', 'number'],
                 sorted(rows, key=lambda row: -row[2]))


def _videos(report: Report, classes: Sequence[str]) -> Table:
    rows = report.details['videos']
    names = list(rows[0]) if rows else ['video']
    return Table('Videos', names, [list(row.values()) for row in rows])


def _worst(key: str, title: str) -> Any:
    """A maker of the table of misses or false alarms."""

    def make(report: Report, classes: Sequence[str]) -> Table:
        rows = report.details[key]
        names = list(rows[0]) if rows else ['video']
        return Table(title, names, [[
            class_name(value, classes)
            if name.endswith('label') and value is not None else value
            for name, value in row.items()
        ] for row in rows])

    return make
