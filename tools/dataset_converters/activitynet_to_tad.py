"""Convert the annotations of ActivityNet 1.3.

    python tools/dataset_converters/activitynet_to_tad.py \\
        activity_net.v1-3.min.json \\
        --out data/activitynet/annotations/anet1.3_tsp_filtered.json

The official file has no label_id: its 200 classes are numbered in sorted
order, or in the order of --classes. As in the published file, training videos
whose actions all last at most 0.01 s are left out. OpenTAD's list of blocked
videos can be given to --exclude. There is no fps, because features are
extracted at rates of their own (TSP 15, I3D 25): the config gives it.
"""
import argparse
from collections import Counter
from typing import Optional, Sequence

from converter_entries import Conversion, assign_label_ids, read_layout
from converter_outputs import make_parser, run_conversion

NUM_CLASSES = 200
SHORTEST = 0.01  # seconds


def convert(
    annotations: str,
    classes: Optional[Sequence[str]] = None,
    excluded: Sequence[str] = ()
) -> Conversion:
    """Convert the official file.

    Args:
        annotations (str): Official JSON file.
        classes (Sequence[str], optional): Names in label order. Defaults to
            None, all 200 sorted.
        excluded (Sequence[str]): Video ids, or files of them.

    Returns:
        Conversion: Annotations.
    """
    dropped: Counter = Counter()
    database = read_layout(annotations, excluded, dropped)
    classes = assign_label_ids(database, classes, NUM_CLASSES)
    kept = {k: v for k, v in database.items() if not is_untrainable(v)}
    dropped['training videos without longer actions than '
            f'{SHORTEST} s'] = len(database) - len(kept)
    return Conversion(kept, classes, dropped)


def is_untrainable(entry: dict) -> bool:
    """Whether a video is for training, but all its actions are too short.

    Args:
        entry (dict): Entry of the video.

    Returns:
        bool: True also if it has no action.
    """
    lengths = [end - start for start, end in (
        item['segment'] for item in entry['annotations'])]  # yapf: disable
    # differences of hundredths are exact to less than a microsecond
    return (entry['subset'].lower() == 'training'
            and max(lengths, default=0.) <= SHORTEST + 1e-6)


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, classes=True)
    parser.add_argument(
        'annotations', help='official JSON file, times in seconds')
    return parser.parse_args(args)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Convert what the command line names."""
    args = parse_args(args)
    run_conversion(args, 'ActivityNet-1.3', convert)


if __name__ == '__main__':
    main()
