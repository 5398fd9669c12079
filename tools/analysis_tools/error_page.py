"""One page with the summary, figures and tables, which needs nothing else."""
import base64
import math
from html import escape
from typing import Any, Dict, List, Sequence

import numpy as np
from error_report import Report
from error_tables import Table

from dyfadet_mm.fileio import cut

# rows of a table that the page shows; the CSV file has all
MOST_ROWS = 40
STYLE = '''
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; color: #222;
  margin: 2rem auto; padding: 0 1rem; background: #fff; }
h1, h2, h3 { line-height: 1.2; }
table { border-collapse: collapse; font-size: 13px; margin: .5rem 0; }
th, td { padding: .15rem .6rem; border-bottom: 1px solid #ddd;
  text-align: left; overflow-wrap: anywhere; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; height: auto; }
li { margin: .6rem 0; }
.try, .where { color: #555; }
summary { cursor: pointer; font-weight: 600; margin: .4rem 0; }
'''
CAPTIONS = dict(
    profile='What the best detections are, from the highest scores on',
    impact='What average mAP_N gains without each type of false positive',
    sensitivity='mAP_N on actions of one kind',
    false_negatives='Actions of one kind that are missed',
    boundaries='Errors of starts and ends',
    scores='Scores, and recall against the number of detections',
    confusion='What actions were detected as')


def make_page(title: str, reports: Sequence[Report], images: Dict[str, bytes],
              tables: Dict[str, Table]) -> str:
    """Write the page.

    Every text of a file is escaped; there is no script, and images are
    inside.

    Args:
        title (str): Heading.
        reports (Sequence[Report]): Of every model.
        images (dict): PNG files by name.
        tables (dict): By name.

    Returns:
        str: HTML.
    """
    parts = [f'<h1>{escape(title)}</h1>']
    for report in reports:
        parts += _summary(report)
    parts += [
        f'<h2>{escape(CAPTIONS[name])}</h2>\n'
        f'<img alt="{escape(CAPTIONS[name])}" src="{_data_uri(image)}">'
        for name, image in images.items()
    ]
    parts += ['<h2>Tables</h2>']
    parts += [
        _table(name, table) for name, table in tables.items()
        if name != 'summary'
    ]
    body = '\n'.join(parts)
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width">\n'
            f'<title>{escape(title)}</title>\n<style>{STYLE}</style></head>\n'
            f'<body>\n{body}\n</body></html>\n')


def _summary(report: Report) -> List[str]:
    """The findings of a model as a list."""
    parts = [
        f'<h2>{escape(cut(report.name, 200))}</h2>',
        f'<p>{escape(report.overview)}</p>'
    ]
    if report.num_aside:
        parts.append(f'<p>{report.num_aside} detections could not be scored '
                     'and are left out.</p>')
    if not report.findings:
        return [*parts, '<p>No fault stands out.</p>']
    rows = [
        f'<li>{escape(each.sentence)}<br><span class="try">Try: '
        f'{escape(each.advice)}</span><br><span class="where">Numbers: '
        f'{escape(each.evidence)}</span></li>' for each in report.findings
    ]
    return [*parts, '<ol>', *rows, '</ol>']


def _data_uri(image: bytes) -> str:
    """An address that holds an image."""
    return f'data:image/png;base64,{base64.b64encode(image).decode()}'


def _table(name: str, table: Table) -> str:
    """A table that can be opened."""
    head = ''.join(f'<th>{escape(each)}</th>' for each in table.names)
    rows = '\n'.join('<tr>' + ''.join(map(_cell, row)) + '</tr>'
                     for row in table.rows[:MOST_ROWS])
    more = len(table.rows) - MOST_ROWS
    rest = f'<p>{more} more rows are in the file.</p>' if more > 0 else ''
    return (f'<details><summary>{escape(table.title)} ({escape(name)}.csv)'
            f'</summary>\n<table><tr>{head}</tr>\n{rows}</table>{rest}'
            '</details>')


def _cell(value: Any) -> str:
    """One cell; text is escaped."""
    if value is None:
        return '<td></td>'
    if isinstance(value, (bool, np.bool_)):
        return f'<td>{"yes" if value else "no"}</td>'
    if isinstance(value, (float, np.floating)):
        text = '' if math.isnan(value) else f'{value:.4g}'
        return f'<td class="n">{text}</td>'
    if isinstance(value, (int, np.integer)):
        return f'<td class="n">{value}</td>'
    return f'<td>{escape(cut(str(value), 300))}</td>'
