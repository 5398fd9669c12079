"""What of an annotation file can be checked, although training refuses it."""
from collections import Counter
from typing import Any, Collection, List, Tuple

from dataset_survey import Survey, share, some

from dyfadet_mm.datasets import TADDataset
from dyfadet_mm.fileio import (brief, check_video_id, cut, label_name,
                               read_entries)


def load_entries(result: Survey, dataset: TADDataset) -> dict:
    """Read an annotation file, and note repeated keys and ids that are paths.

    Args:
        result (Survey): Receives the findings.
        dataset (TADDataset): Says where the file is.

    Returns:
        dict: Entry by video id, of a repeated key the last.

    Raises:
        FileNotFoundError, KeyError, TypeError, ValueError: As
            :func:`read_entries` does, if nothing can be read.
    """
    found: List[str] = []
    database = read_entries(dataset.ann_file, dataset.backend_args, found)
    repeated = list(dict.fromkeys(found))
    paths = [name for name in database if _is_path(name)]
    if repeated:
        result.add(
            'error', 'repeated keys', f'{len(repeated)} keys occur twice in '
            f'one object of the annotation file: {some(repeated, 10)}; only '
            'the last of each would be read: rename or remove the others',
            len(repeated))
    if paths:
        result.add(
            'error', 'video ids', f'{len(paths)} of {len(database)} video ids '
            'lead out of the folder of the features, or to no file: '
            f'{some(paths, 10)}; rename these videos', len(paths))
    return {k: entry for k, entry in database.items() if k not in paths}


def _is_path(video_id: str) -> bool:
    """Whether an id leads elsewhere."""
    try:
        check_video_id(video_id, '')
    except ValueError:
        return True
    return False


def drop_unusable(result: Survey, database: dict) -> dict:
    """Leave out entries without subset and actions that are no action.

    Args:
        result (Survey): Receives the findings.
        database (dict): Entry by video id.

    Returns:
        dict: Entries with subset, where every action has one label.
    """
    lost = [k for k, entry in database.items() if 'subset' not in entry]
    if lost:
        result.add(
            'error', 'entries', f"{len(lost)} of {len(database)} videos have "
            f"no 'subset': {some(lost)}", len(lost))
    kept, bad, several, total = {}, [], [], 0
    for video_id, entry in database.items():
        items = entry.get('annotations') or []
        found = [
            item for item in (items if isinstance(items, list) else [])
            if isinstance(item, dict) and item.get('label') is not None
        ]
        if not isinstance(items, list) or len(found) < len(items):
            bad.append(video_id)
        total += len(found)
        good = [item for item in found if _is_named(item)]
        several += [(video_id, item['label']) for item in found
                    if not _is_named(item)]
        if 'subset' in entry:
            kept[video_id] = dict(entry, annotations=good)
    if bad:
        result.add(
            'error', 'actions', "'annotations' must be a list of dicts with "
            f"'segment' and 'label', but is not in {len(bad)} of "
            f'{len(database)} videos: {some(bad)}', len(bad))
    _note_several_labels(result, several, total)
    return kept


def _is_named(item: dict) -> bool:
    """Whether the label of an action is one name."""
    try:
        label_name('', 0, item)
    except TypeError:
        return False
    return True


def _note_several_labels(result: Survey, several: List[Tuple[str, Any]],
                         total: int) -> None:
    """Name the videos with labels such as ``["run", "jump"]``."""
    if several:
        names = list(dict.fromkeys(video_id for video_id, _ in several))
        result.add(
            'error', 'labels', 'a label must be one class name, but '
            f'{share(len(several), total)} actions have another value, such '
            f'as {brief(several[0][1])}, in {len(names)} videos: '
            f'{some(names)}; write one annotation per label, each with the '
            'segment', len(several))


def check_label_ids(result: Survey, database: dict,
                    ignore_labels: Collection[str]) -> None:
    """Names and ids must belong together, or the order of classes changes.

    Args:
        result (Survey): Receives the findings.
        database (dict): As of :func:`drop_unusable`.
        ignore_labels (Collection[str]): Names that are no classes.
    """
    names = {}
    for entry in database.values():
        for item in entry['annotations']:
            if str(item['label']) not in ignore_labels:
                names.setdefault(brief(item.get('label_id')),
                                 Counter())[str(item['label'])] += 1
    names.pop('None', None)
    bad = {k: counts for k, counts in names.items() if len(counts) > 1}
    for label_id, counts in list(bad.items())[:5]:
        listed = cut(', '.join(f'{n!r} {c} times'
                               for n, c in counts.most_common()))
        result.add(
            'error', 'labels', f'label_id {label_id} has {len(counts)} names: '
            f'{listed}; a misspelt name becomes a class of its own and moves '
            'the labels of others: correct the annotation file')
