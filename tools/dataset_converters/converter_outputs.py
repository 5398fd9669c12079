"""Command line, writing and report of the annotation converters beside this.

Only what the readers of the package accept is written.
"""
import argparse
import os
from typing import Any, Callable, Dict, List, Optional, Sequence

from converter_entries import Conversion
from converter_inputs import read_classes

from dyfadet_mm.fileio import (atomic_path, check_writable, load_database,
                               naming, parse_video, save_json, user_errors)

TOLERANCE = 0.1  # seconds, above what durations and actions are rounded to


def make_parser(
        doc: str,
        classes: bool = False,
        out: str = 'annotation file (JSON) to write'
) -> argparse.ArgumentParser:
    """Make a parser with the options of the converters.

    Args:
        doc (str): Description, shown as it is.
        classes (bool): Whether there is ``--classes``. Defaults to False.
        out (str): Help of ``--out``.

    Returns:
        ArgumentParser: Parser, to which inputs are added.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', required=True, help=out)
    parser.add_argument(
        '--force', action='store_true', help='overwrite existing files')
    parser.add_argument(
        '--exclude',
        nargs='+',
        default=[],
        metavar='ID_OR_FILE',
        help='videos to leave out: ids, or files with one id per line or a '
        'JSON list of ids')
    if classes:
        parser.add_argument(
            '--classes',
            metavar='FILE',
            help='class order, which label_id follows: a text file with one '
            'name per line, a JSON list, or a JSON file of classification '
            'scores with the names under "class" or "classes" (default: '
            'sorted names)')
    return parser


def check_output(path: str, args: argparse.Namespace) -> None:
    """Check that a file may be written, before any work.

    Args:
        path (str): File to write.
        args (Namespace): Command line. With ``force`` a file may exist, but
            what other arguments name is never replaced.

    Raises:
        FileExistsError: If it exists or is an input.
        IsADirectoryError: If it is a folder.
        WriteError: If no file can be written there.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(f'{path!r} must be a file to write, but is a '
                                'folder')
    if not os.path.lexists(path):
        check_writable(path, '--out')
        return
    if not args.force:
        raise FileExistsError(f'{path!r} must be a new file, but exists; '
                              'choose another, or give --force')
    for name, value in vars(args).items():
        items = value if isinstance(value, list) else [value]
        files = [x for x in items if isinstance(x, str) and os.path.isfile(x)]
        if name != 'out' and any(os.path.samefile(path, x) for x in files):
            raise FileExistsError(f'{path!r} must not be an input, but got it '
                                  f'for {name} too')


def write_annotations(path: str,
                      version: str,
                      result: Conversion,
                      args: Optional[argparse.Namespace] = None) -> None:
    """Write annotations completely or not at all, and report.

    Args:
        path (str): File to write; an existing one is replaced.
        version (str): Name of the annotations.
        result (Conversion): Annotations.
        args (Namespace, optional): Command line, to check again that no other
            process wrote the file meanwhile. Defaults to None.

    Raises:
        FileExistsError: As of :func:`check_output`.
        ValueError: If the package's readers refuse them, or there are none.
    """
    if not any(entry['annotations'] for entry in result.database.values()):
        raise ValueError(f'annotations for {path!r} must have an action, but '
                         f'got none; dropped: {dict(+result.dropped)}')
    with atomic_path(path) as part:
        save_json(
            part,
            dict(version=version, database=result.database),
            allow_nan=False)
        _check_readable(part, result.classes)
        if args is not None:
            check_output(path, args)
    print(summarise(path, result))


def run_conversion(args: argparse.Namespace, version: str,
                   convert: Callable[..., Conversion], *inputs: Any) -> None:
    """Convert what the command line names, for scripts with ``--classes``.

    Args:
        args (Namespace): With ``annotations``, ``classes``, ``exclude``,
            ``out`` and ``force``.
        version (str): Name of the data set and its version.
        convert (callable): Takes the annotations, the classes, what to leave
            out, and ``inputs``.
        inputs: What else it needs.
    """
    with user_errors(ImportError):
        check_output(args.out, args)
        classes = read_classes(args.classes)
        with naming(repr(args.annotations)):
            result = convert(args.annotations, classes, args.exclude, *inputs)
        write_annotations(args.out, version, result, args)


def _check_readable(path: str, classes: Sequence[str]) -> None:
    """Read a file as a data set does, and compare its labels."""
    class_ids = {name: label for label, name in enumerate(classes)}
    for video_id, entry in load_database(path).items():
        fps = entry.get('fps', 1.0)  # files without leave it to the config
        labels = parse_video(video_id, entry, class_ids, fps)['labels_s']
        stored = [item['label_id'] for item in entry['annotations']]
        if labels.tolist() != stored:
            raise ValueError(f'label_id of video {video_id!r} must be '
                             f'{labels.tolist()}, but got {stored}')


def summarise(path: str, result: Conversion) -> str:
    """Describe annotations in a few lines.

    Args:
        path (str): Where they were written.
        result (Conversion): Annotations.

    Returns:
        str: Videos and actions per subset, classes, what was left out, and
        what the user should look at.
    """
    subsets: Dict[str, List[int]] = {}
    late, used, no_rate = 0, set(), 0
    for entry in result.database.values():
        counts = subsets.setdefault(entry['subset'], [0, 0])
        counts[0] += 1
        counts[1] += len(entry['annotations'])
        no_rate += 'fps' not in entry
        for item in entry['annotations']:
            late += item['segment'][1] > entry['duration'] + TOLERANCE
            used.add(item['label_id'])
    lines = [f'{path}: {len(result.classes)} classes']
    lines += [
        f'  {subset}: {videos} videos, {actions} actions'
        for subset, (videos, actions) in subsets.items()
    ]
    lines += [
        f'  dropped: {n} {what}' for what, n in result.dropped.items() if n
    ]
    notes = {
        'classes have no action': len(result.classes) - len(used),
        'actions end after their video': late,
        'videos have no fps: set fps of the dataset in the config': no_rate
    }
    lines += [f'  note: {n} {what}' for what, n in notes.items() if n]
    return '\n'.join(lines)
