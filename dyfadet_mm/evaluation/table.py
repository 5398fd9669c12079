"""The results of the metrics as tables for people."""
from typing import Dict, List, Optional, Sequence

import numpy as np
from terminaltables import AsciiTable

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
    rows = [['class', *_heads(tiou_thresholds)]]
    if classwise:
        found = zip(result['labels'].tolist(), result['num_gt'],
                    result['AP'].T)
        rows += [[class_name(label, classes), *_cells(num_gt, ap)]
                 for label, num_gt, ap in found]
    rows += [['mAP', *_cells(result['num_gt'].sum(), result['mAP'])]]
    return _as_text('Average precision (%) at tIoU', rows, footer=classwise)


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
    rows = [['metric', *_heads(tiou_thresholds)]]
    rows += [[f'Recall@{k}x', *_cells(result['num_gt'].sum(), recall)]
             for k, recall in zip(ks, result['recall'])]
    return _as_text('Recall (%) at tIoU', rows)


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
    rows = [['metric', *_heads(tiou_thresholds)]]
    rows += [[
        f'AR@{number}',
        *_cells(result['num_gt'], result['recall'][:, number - 1])
    ] for number in avg_proposals]
    return _as_text('Average recall (%) at tIoU', rows)


def _heads(tiou_thresholds: Sequence[float]) -> List[str]:
    """Heads of the columns after the first."""
    return ['actions', *(f'{t:.2f}' for t in tiou_thresholds), 'mean']


def _as_text(title: str, rows: List[List[str]], footer: bool = False) -> str:
    """A table with its title above; ``footer`` sets the last row apart."""
    table = AsciiTable(rows)
    table.justify_columns = dict.fromkeys(range(1, len(rows[0])), 'right')
    table.inner_footing_row_border = footer
    return f'{title}\n{table.table}'


def _cells(num_gt: int, values: np.ndarray) -> List[str]:
    """Cells of one row after its name; ``values`` is (K, )."""
    percents = [*(100 * values), 100 * values.mean()]
    return [str(num_gt), *(f'{percent:.2f}' for percent in percents)]
