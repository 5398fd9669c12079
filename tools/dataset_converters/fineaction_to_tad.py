"""Convert the annotations of FineAction.

    python tools/dataset_converters/fineaction_to_tad.py annotations_gt.json \\
        --classes new_swinB_1x1x256_views2x3_max_label_avg_prob.json \\
        --out data/fineaction/annotations/fineaction.json

The official file has the layout of ActivityNet without label_id. Labels of
detections come from a file of classification scores alone, so the 106 classes
must be numbered in its order: give it to --classes. Without, they are
numbered in sorted order. Features are taken to be made at 30 fps, which the
config gives. OpenTAD leaves v_00004011, v_00006080 and v_00002783 out of
training with some features, for bad annotations: see --exclude.
"""
import argparse
from collections import Counter
from typing import Dict, Optional, Sequence

from converter_entries import Conversion, assign_label_ids, read_layout
from converter_outputs import make_parser, run_conversion

from dyfadet_mm.fileio import brief

NUM_CLASSES = 106


def convert(
    annotations: str,
    classes: Optional[Sequence[str]] = None,
    excluded: Sequence[str] = ()
) -> Conversion:
    """Convert the official file.

    Args:
        annotations (str): Official JSON file.
        classes (Sequence[str], optional): Names in label order. Defaults to
            None, all 106 sorted.
        excluded (Sequence[str]): Video ids, or files of them.

    Returns:
        Conversion: Annotations.
    """
    dropped: Counter = Counter()
    database = read_layout(annotations, excluded, dropped)
    classes = assign_label_ids(database, classes, NUM_CLASSES)
    check_same(database, classes)
    return Conversion(database, classes, dropped)


def check_same(database: Dict[str, dict], classes: Sequence[str]) -> None:
    """Check that no class is without action.

    Scores of other classes than the annotated ones would be ranked, too.

    Args:
        database (dict): Entry by video id, with actions of all classes.
        classes (Sequence[str]): Names in label order.

    Raises:
        ValueError: If a class has no action.
    """
    used = {
        item['label']
        for entry in database.values()
        for item in entry['annotations']
    }
    others = [name for name in classes if name not in used]
    if others:
        raise ValueError(
            'the classes given must be those of the annotations, but got '
            f'{len(others)} without an action, such as {brief(others[:3])}')


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, classes=True)
    parser.add_argument(
        'annotations', help='official JSON file, times in seconds')
    return parser.parse_args(args)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Convert what the command line names."""
    args = parse_args(args)
    run_conversion(args, 'FineAction', convert)


if __name__ == '__main__':
    main()
