"""Ground truth of an annotation file, as the metrics take it."""
from typing import Collection, Dict, Optional, Sequence, Tuple, Union

from mmengine.logging import print_log

from dyfadet_mm.fileio import (actions_of, brief, load_database, naming,
                               parse_video, resolve_classes, select_subset,
                               subset_name)


def load_ground_truth(
    ann_file: str,
    subset: Optional[Union[str, Sequence[str]]] = None,
    classes: Optional[Sequence[str]] = None,
    ignore_labels: Collection[str] = ()
) -> Tuple[Dict[str, dict], Tuple[str, ...]]:
    """Read the actions of a subset from an annotation file.

    Args:
        ann_file (str): JSON in the layout of ActivityNet.
        subset (str | Sequence[str], optional): Names, in any case. Defaults
            to None, for a file that has only one.
        classes (Sequence[str], optional): Names in label order. Defaults to
            None: from the file.
        ignore_labels (Collection[str]): Labels of which annotations are left
            out, such as *Ambiguous* of THUMOS14. Defaults to ().

    Returns:
        tuple: ``ground_truth[video_id] = dict(segments, labels, duration)``,
        in seconds, and the class names, none if there is no action. Actions
        that end before they start are kept as they are.

    Raises:
        ValueError: If the file has several subsets and none is named, or as
            in :func:`dyfadet_mm.fileio.parse_video`.
    """
    database = load_database(ann_file)
    with naming(f'annotation file {ann_file!r}'):
        return _parse_database(database, ann_file, subset, classes,
                               ignore_labels)


def _parse_database(
        database: Dict[str, dict], ann_file: str,
        subset: Optional[Union[str, Sequence[str]]],
        classes: Optional[Sequence[str]], ignore_labels: Collection[str]
) -> Tuple[Dict[str, dict], Tuple[str, ...]]:
    """Convert what a file holds, see :func:`load_ground_truth`."""
    if subset is None:
        stored = {
            subset_name(k, entry).lower() if 'subset' in entry else 'none'
            for k, entry in database.items()
        }
        if len(stored) > 1:
            raise ValueError(f'subset must be one of {brief(sorted(stored))}, '
                             f'the subsets in {ann_file!r}, but got None')
    classes = resolve_classes(
        database, classes, ignore_labels=ignore_labels, allow_empty=True)
    if subset is not None:
        database = select_subset(database, subset)
    labels = {name: label for label, name in enumerate(classes)}
    ground_truth, num_ignored = {}, 0
    for video_id, entry in database.items():
        # seconds need no frame rate
        video = parse_video(
            video_id, entry, labels, fps=1., ignore_labels=ignore_labels)
        num_ignored += len(actions_of(video_id, entry)) - len(
            video['labels_s'])
        ground_truth[video_id] = dict(
            segments=video['segments_s'],
            labels=video['labels_s'],
            duration=video['duration'])
    if num_ignored:
        print_log(
            f'{num_ignored} annotations of {ann_file!r} are left out: their '
            f'label is among {sorted(ignore_labels)}', 'current')
    return ground_truth, classes
