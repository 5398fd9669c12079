"""Say why mAP is what it is: errors of detections by kind, with a summary.

Any number of predictions files is compared. The folder gets a page to read,
its figures and tables, and all numbers as JSON.
"""
import argparse
import io
import os
import os.path as osp
from typing import List, Optional, Sequence, Tuple

from error_figures import draw_figures
from error_inputs import Model, read_inputs
from error_page import make_page
from error_report import Report, to_json
from error_summary import overview, summarize
from error_tables import make_tables, write_table
from matplotlib.figure import Figure
from scored_videos import add_reading_options, add_scoring_options

from dyfadet_mm.evaluation import analyze_errors, detail_errors
from dyfadet_mm.fileio import (atomic_path, check_writable, save_json,
                               user_errors)

FIGURES = ('profile', 'impact', 'sensitivity', 'false_negatives', 'boundaries',
           'scores', 'confusion')
TABLES = ('summary', 'types', 'profile', 'sensitivity', 'false_negatives',
          'pairs', 'boundaries', 'calibration', 'recall', 'classes',
          'confusion', 'videos', 'misses', 'false_alarms')
FILES = ('index.html', 'errors.json', *(f'{name}.png' for name in FIGURES),
         *(f'{name}.csv' for name in TABLES))


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'predictions',
        nargs='+',
        help='JSON with "results", as TADMapMetric writes it; several are '
        'compared')
    add_scoring_options(parser)
    parser.add_argument('--out', required=True, help='folder to write')
    parser.add_argument(
        '--force',
        action='store_true',
        help='replace files of an earlier analysis')
    parser.add_argument(
        '--detail-tiou',
        type=float,
        default=0.5,
        help='tIoU from which an action is found, in all that is not of the '
        'published protocol (default: %(default)s)')
    parser.add_argument(
        '--edges',
        choices=['thumos14', 'activitynet', 'data'],
        default='data',
        help='which actions are short or long: as published, or quintiles '
        'of the data (default: %(default)s)')
    parser.add_argument('--title', default='Error analysis', help='heading')
    add_reading_options(parser)
    return parser.parse_args(args)


def analyze(args: argparse.Namespace) -> Tuple[List[Report], Tuple[str, ...]]:
    """Analyse what the command line names.

    Args:
        args (Namespace): As of :func:`parse_args`.

    Returns:
        tuple: Reports of every model, and class names in label order.
    """
    models, ground_truth, classes = read_inputs(args)
    reports = [_report(model, ground_truth, classes, args) for model in models]
    return reports, classes


def write_folder(reports: Sequence[Report], classes: Sequence[str],
                 args: argparse.Namespace) -> None:
    """Write page, figures, tables and numbers.

    Args:
        reports (Sequence[Report]): Of every model.
        classes (Sequence[str]): Names in label order.
        args (Namespace): As of :func:`parse_args`.
    """
    tables = make_tables(reports, classes)
    images = {k: _png(v) for k, v in draw_figures(reports, classes).items()}
    page = make_page(args.title, reports, images, tables)
    content = to_json(reports, classes, args.tiou, args.detail_tiou)
    os.makedirs(args.out, exist_ok=True)
    for name, table in tables.items():
        write_table(osp.join(args.out, f'{name}.csv'), table)
    save_json(osp.join(args.out, 'errors.json'), content, indent=1)
    files = {f'{name}.png': image for name, image in images.items()}
    for name, data in {**files, 'index.html': page.encode()}.items():
        with atomic_path(osp.join(args.out, name)) as part:
            with open(part, 'wb') as file:
                file.write(data)


def _png(figure: Figure) -> bytes:
    """A figure as an image."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png')
    return buffer.getvalue()


def check_folder(folder: str, force: bool) -> None:
    """Refuse to replace files that nobody said may be replaced.

    Args:
        folder (str): Where files are to be written.
        force (bool): Whether old ones may be replaced.

    Raises:
        FileExistsError: If there is one and it may not.
        WriteError: If no file can be written there.
    """
    for name in FILES:
        path = osp.join(folder, name)
        if osp.lexists(path) and not force:
            raise FileExistsError(
                f'--out must be a folder without {name!r}, but got '
                f'{folder!r}; choose another, or replace its files by '
                '--force')
        check_writable(path, '--out')


def _report(model: Model, ground_truth: dict, classes: Sequence[str],
            args: argparse.Namespace) -> Report:
    """Analyse one model."""
    durations = {k: video['duration'] for k, video in ground_truth.items()}
    inputs = model.predictions, ground_truth, durations
    edges = None if args.edges == 'data' else args.edges
    errors = analyze_errors(*inputs, args.tiou, edges)
    details = detail_errors(*inputs, args.detail_tiou)
    return Report(
        name=model.name,
        errors=errors,
        details=details,
        overview=overview(errors, details),
        findings=summarize(errors, details, classes),
        num_aside=model.num_aside)


def print_reports(reports: Sequence[Report], folder: str) -> None:
    """Print the summaries.

    Args:
        reports (Sequence[Report]): Of every model.
        folder (str): Where the rest is.
    """
    for report in reports:
        print(f'{report.name}: {report.overview}')
        if report.errors['num_aside']:
            print(f'{report.errors["num_aside"]} detections are of classes '
                  'without actions and put aside')
        for number, each in enumerate(report.findings, start=1):
            print(f'{number}. {each.sentence}\n   Try: {each.advice}')
        if not report.findings:
            print('No fault stands out.')
    print(f'figures and tables are in {osp.join(folder, "index.html")}')


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run the command line; an error of the user ends in one line."""
    args = parse_args(args)
    with user_errors():
        check_folder(args.out, args.force)
        reports, classes = analyze(args)
        write_folder(reports, classes, args)
    print_reports(reports, args.out)


if __name__ == '__main__':
    main()
