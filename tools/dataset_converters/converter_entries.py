"""Videos and their label ids, for the annotation converters beside this."""
from collections import Counter
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

from converter_inputs import get_field, read_ids

from dyfadet_mm.fileio import (actions_of, brief, label_name, load_database,
                               naming, parse_video, subset_name)

Action = Tuple[float, float, str]  # start and end in seconds, label


class Conversion(NamedTuple):
    """Annotations in the layout of ActivityNet.

    Attributes:
        database (dict): Entry by video id.
        classes (tuple[str]): Names; ``label_id`` is the position.
        dropped (Counter): How much was left out, by reason.
    """
    database: Dict[str, dict]
    classes: Tuple[str, ...]
    dropped: Counter


def make_entry(subset: str, duration: float, actions: Sequence[Action],
               dropped: Counter, **fields: float) -> dict:
    """Make the entry of one video.

    Actions of no length are dropped: no detection can match them, the
    published evaluators leave them out too.

    Args:
        subset (str): Name of the subset.
        duration (float): Seconds.
        actions (Sequence[tuple]): Start and end in seconds, label.
        dropped (Counter): What was left out so far; counted on.
        fields: ``fps``, where known.

    Returns:
        dict: Entry, still without ``label_id``.
    """
    kept = [
        dict(segment=[start, end], label=label)
        for start, end, label in actions if end > start
    ]
    dropped['actions of no length'] += len(actions) - len(kept)
    return dict(subset=subset, duration=duration, **fields, annotations=kept)


def drop_excluded(videos: Dict[str, Any], ids_or_files: Sequence[str],
                  dropped: Counter) -> Dict[str, Any]:
    """Leave out the videos that the user excludes.

    Args:
        videos (dict): Anything, by video id.
        ids_or_files (Sequence[str]): As for :func:`read_ids`.
        dropped (Counter): What was left out so far; counted on.

    Returns:
        dict: The others.

    Raises:
        ValueError: If none of the excluded videos is known.
    """
    excluded = set(read_ids(ids_or_files))
    if excluded and not excluded & set(videos):
        raise ValueError(
            'at least one video of --exclude must be in the annotations, with '
            f'ids such as {brief(sorted(videos)[:2])}, but got '
            f'{brief(sorted(excluded)[:3])}; a file must exist')
    kept = {k: v for k, v in videos.items() if k not in excluded}
    dropped['videos excluded'] += len(videos) - len(kept)
    return kept


def read_layout(path: str, excluded: Sequence[str],
                dropped: Counter) -> Dict[str, dict]:
    """Read annotations in the layout of ActivityNet.

    Durations may be strings. Of every entry only what detection needs is
    kept; a ``label_id`` is not, since labels are numbered by name.

    Args:
        path (str): JSON file.
        excluded (Sequence[str]): Videos to leave out, see :func:`read_ids`.
        dropped (Counter): What was left out so far; counted on.

    Returns:
        dict: Entry by video id, still without ``label_id``.

    Raises:
        KeyError: If a field is missing.
        TypeError, ValueError: If one cannot be used.
    """
    videos = drop_excluded(load_database(path), excluded, dropped)
    return {
        video_id: parse_entry(path, video_id, entry, dropped)
        for video_id, entry in videos.items()
    }


def parse_entry(path: str, video_id: str, entry: dict,
                dropped: Counter) -> dict:
    """Check an entry in the layout of ActivityNet.

    Args:
        path (str): Its file, for messages.
        video_id (str): Name of the video.
        entry (dict): ``subset``, ``duration`` in seconds, ``annotations``,
            and where known ``fps`` or ``frame``, the number of frames.
        dropped (Counter): What was left out so far; counted on.

    Returns:
        dict: As of :func:`make_entry`.

    Raises:
        KeyError, TypeError, ValueError: As of :func:`parse_video`.
    """
    where = f'video {brief(video_id)} in {path!r}'
    get_field(where, entry, 'subset')
    get_field(where, entry, 'duration')
    has_rate = any(entry.get(key) is not None for key in ('fps', 'frame'))
    with naming(repr(path)):
        subset = subset_name(video_id, entry)
        names = [
            label_name(video_id, index, item)
            for index, item in enumerate(actions_of(video_id, entry))
        ]
        class_ids = {name: label for label, name in enumerate(names)}
        fps = None if has_rate else 1.0
        info = parse_video(
            video_id, entry, class_ids, fps, allow_reversed=False)
    actions = [(*segment, name)
               for segment, name in zip(info['segments_s'].tolist(), names)]
    fields = dict(fps=info['fps']) if has_rate else {}
    return make_entry(subset, info['duration'], actions, dropped, **fields)


def assign_label_ids(database: Dict[str, dict],
                     classes: Optional[Sequence[str]] = None,
                     expected: Optional[int] = None) -> Tuple[str, ...]:
    """Give every action its ``label_id``, in place.

    Args:
        database (dict): Entry by video id.
        classes (Sequence[str], optional): Names in label order. Defaults to
            None, sorted names.
        expected (int, optional): Number of classes of the data set, without
            which the sorted order would be another one. Defaults to None.

    Returns:
        tuple[str]: Names in label order.

    Raises:
        ValueError: If a label is unknown, or names are missing.
    """
    videos = {
        item['label']: video_id
        for video_id, entry in database.items()
        for item in entry['annotations']
    }
    if classes is None:
        if expected not in (None, len(videos)):
            raise ValueError(
                f'annotations must have all {expected} classes for label_id '
                f'to be the sorted order, but got {len(videos)}; give the '
                'names in label order with --classes')
        classes = sorted(videos)
    unknown = sorted(set(videos) - set(classes))
    if unknown:
        raise ValueError(
            f'labels must be among the {len(classes)} given classes, but got '
            f'{len(unknown)} others, such as {brief(unknown[0])} in video '
            f'{brief(videos[unknown[0]])}')
    ids = {name: label for label, name in enumerate(classes)}
    for entry in database.values():
        for item in entry['annotations']:
            item['label_id'] = ids[item['label']]
    return tuple(classes)
