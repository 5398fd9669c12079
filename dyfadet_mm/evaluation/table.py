"""The results of the metrics as tables for people."""
from io import StringIO
from typing import Dict, Optional, Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dyfadet_mm.fileio import class_name


def format_table(result: Dict[str, np.ndarray],
                 tiou_thresholds: Sequence[float],
                 classes: Optional[Sequence[str]] = None,
                 classwise: bool = True) -> str:
    """Lay out AP per class and tIoU, and their means, in percent.

    Args:
        result (dict): What :func:`tad_map` returned.
        tiou_thresholds (Sequence[float]): The K thresholds it was given.
        classes (Sequence[str], optional): Names in label order.
            Defaults to None.
        classwise (bool): Whether to have a row per class.
            Defaults to True.

    Returns:
        str: Lines of text, without a trailing newline.
    """
    table = _new_table('Average precision (%) at tIoU', 'class',
                       tiou_thresholds)
    if classwise:
        rows = zip(result['labels'].tolist(), result['num_gt'], result['AP'].T)
        for label, num_gt, ap in rows:
            name = Text(class_name(label, classes))  # no mark-up in names
            table.add_row(name, *_cells(num_gt, ap))
        table.add_section()
    table.add_row('mAP', *_cells(result['num_gt'].sum(), result['mAP']))
    return _as_text(table)


def format_recall_table(result: Dict[str, np.ndarray],
                        tiou_thresholds: Sequence[float],
                        ks: Sequence[int]) -> str:
    """Lay out Recall@kx per k and tIoU, and its means, in percent.

    Args:
        result (dict): What :func:`tad_recall` returned.
        tiou_thresholds (Sequence[float]): The K thresholds it was given.
        ks (Sequence[int]): The Q numbers it was given.

    Returns:
        str: Lines of text, without a trailing newline.
    """
    table = _new_table('Recall (%) at tIoU', 'metric', tiou_thresholds)
    for k, recall in zip(ks, result['recall']):
        table.add_row(f'Recall@{k}x', *_cells(result['num_gt'].sum(), recall))
    return _as_text(table)


def format_proposal_table(result: Dict[str, np.ndarray],
                          tiou_thresholds: Sequence[float],
                          avg_proposals: Sequence[int]) -> str:
    """Lay out the recall per number of proposals and tIoU, in percent.

    Args:
        result (dict): What :func:`tad_average_recall` returned.
        tiou_thresholds (Sequence[float]): The K thresholds it was given.
        avg_proposals (Sequence[int]): Average numbers of proposals per
            video, from 1 to 100; each is a row.

    Returns:
        str: Lines of text, without a trailing newline.
    """
    table = _new_table('Average recall (%) at tIoU', 'metric', tiou_thresholds)
    for number in avg_proposals:
        recall = result['recall'][:, number - 1]  # (K, )
        table.add_row(f'AR@{number}', *_cells(result['num_gt'], recall))
    return _as_text(table)


def _new_table(title: str, first: str,
               tiou_thresholds: Sequence[float]) -> Table:
    """A table without rows; ``first`` heads the names."""
    table = Table(title=title, box=box.ASCII, title_style='')
    table.add_column(first)
    for name in ('actions', *(f'{t:.2f}' for t in tiou_thresholds), 'mean'):
        table.add_column(name, justify='right')
    return table


def _as_text(table: Table) -> str:
    """Lines of a table, wide enough that no cell is cut."""
    console = Console(file=StringIO(), width=1000, color_system=None)
    console.print(table)
    lines = console.file.getvalue().splitlines()
    return '\n'.join(line.rstrip() for line in lines)


def _cells(num_gt: int, values: np.ndarray) -> Sequence[str]:
    """Cells of one row after its name; ``values`` is (K, )."""
    percents = [*(100 * values), 100 * values.mean()]
    return [str(num_gt), *(f'{percent:.2f}' for percent in percents)]
