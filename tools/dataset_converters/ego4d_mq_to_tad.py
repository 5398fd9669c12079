"""Convert the annotations of Ego4D Moment Queries 1.0.

    python tools/dataset_converters/ego4d_mq_to_tad.py \\
        moments_train.json moments_val.json \\
        --out data/ego4d/annotations/ego4d_mq.json

A video of the result is a clip, by its clip_uid. As in the published file,
features are those of cells that see 32 frames, every 16 frames of the whole
video: a clip starts at the last multiple of 16 frames that is not after its
official start, and its end moves on until a whole number of cells fits.
Duration and actions count from the new start. Seconds and fps are rounded to
hundredths; label_id is the position among the 110 sorted official strings
(quotes are part of some). Subsets are named training and validation.

Left out are labels that are not primary, actions shorter than 0.25 s, also in
validation, clips whose rate is not within 10 and 100 fps, and clips without
actions.
"""
import argparse
import math
from collections import Counter
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from converter_entries import (Action, Conversion, assign_label_ids,
                               drop_excluded, make_entry)
from converter_inputs import get_field, get_text, read_json, to_number
from converter_outputs import make_parser, run_conversion

from dyfadet_mm.fileio import brief, check_video_id

NUM_CLASSES = 110
STRIDE, WINDOW = 16, 32  # frames between cells, frames that one cell sees
SHORTEST = 0.25  # seconds
FPS_RANGE = (10, 100)
SUBSETS = dict(train='training', val='validation')
Clip = Tuple[str, str, dict]  # place in the file, subset, official clip


def convert(
    files: Sequence[str],
    classes: Optional[Sequence[str]] = None,
    excluded: Sequence[str] = ()
) -> Conversion:
    """Convert the official files.

    Args:
        files (Sequence[str]): Official JSON files.
        classes (Sequence[str], optional): Names in label order. Defaults to
            None, all 110 sorted.
        excluded (Sequence[str]): Clip ids, or files of them.

    Returns:
        Conversion: Annotations.
    """
    dropped: Counter = Counter()
    clips = drop_excluded(read_clips(files), excluded, dropped)
    if classes is None:
        classes = all_classes(clips)
    database = {}
    for clip_uid, (where, subset, clip) in clips.items():
        entry = convert_clip(where, subset, clip, dropped)
        if entry is None:
            dropped['clips outside of %d to %d fps' % FPS_RANGE] += 1
        elif not entry['annotations']:
            dropped['clips without actions'] += 1
        else:
            database[clip_uid] = entry
    return Conversion(database, assign_label_ids(database, classes), dropped)


def read_clips(files: Sequence[str]) -> Dict[str, Clip]:
    """Gather the clips of all videos.

    Args:
        files (Sequence[str]): Official JSON files.

    Returns:
        dict[str, tuple]: Place in the file, subset and clip, by clip id.

    Raises:
        KeyError: If a field is missing.
        ValueError: If a clip comes twice, or a split is unknown.
    """
    clips: Dict[str, Clip] = {}
    for path in files:
        for where, video in _items(repr(path), read_json(path), 'videos'):
            split = get_text(where, video, 'split')
            if split not in SUBSETS:
                raise ValueError(f'{where}: split must be one of '
                                 f'{list(SUBSETS)}, but got {brief(split)}')
            for place, clip in _items(where, video, 'clips'):
                clip_uid = get_text(place, clip, 'clip_uid')
                check_video_id(clip_uid, f'of {place}')
                if clip_uid in clips:
                    raise ValueError(
                        f'{place}: clip {brief(clip_uid)} must be unique, but '
                        f'got it at {clips[clip_uid][0]} too')
                clips[clip_uid] = (place, SUBSETS[split], clip)
    return clips


def all_classes(clips: Dict[str, Clip]) -> List[str]:
    """Sort the labels of all clips.

    Args:
        clips (dict): As of :func:`read_clips`.

    Returns:
        list[str]: Names in label order.

    Raises:
        ValueError: If they are not 110.
    """
    names = sorted({
        label
        for where, _, clip in clips.values()
        for _, label, _ in primary_labels(where, clip)
    })
    if len(names) != NUM_CLASSES:
        raise ValueError(
            f'the files must have {NUM_CLASSES} primary labels together, for '
            f'label_id to be the sorted order, but got {len(names)}; give the '
            'training and the validation file, or the names with --classes')
    return names


def primary_labels(where: str, clip: dict) -> Iterator[Tuple[str, str, dict]]:
    """Walk through the primary labels of all annotators.

    Args:
        where (str): Place of the clip.
        clip (dict): Official clip.

    Yields:
        tuple: Place, name and official label.

    Raises:
        KeyError: If a field is missing.
    """
    for place, annotator in _items(where, clip, 'annotations'):
        for spot, label in _items(place, annotator, 'labels'):
            if get_field(spot, label, 'primary'):
                yield spot, get_text(spot, label, 'label'), label


def convert_clip(where: str, subset: str, clip: dict,
                 dropped: Counter) -> Optional[dict]:
    """Convert one clip.

    Args:
        where (str): Place of the clip.
        subset (str): Name of the subset.
        clip (dict): Official clip.
        dropped (Counter): What was left out so far; counted on.

    Returns:
        dict, optional: Entry; None if the rate is out of range.
    """
    start_s, end_s, start, end = (
        to_number(where, key, get_field(where, clip, key))
        for key in ('video_start_sec', 'video_end_sec', 'video_start_frame',
                    'video_end_frame'))
    start, start_s = max(start, 0.), max(start_s, 0.)
    fps = (end - start) / (end_s - start_s) if end_s > start_s else 0.
    if not FPS_RANGE[0] <= fps <= FPS_RANGE[1]:
        return None
    new_start, new_end = align(start, end)
    actions = shift_actions(where, clip, (start - new_start) / fps, dropped)
    duration = round((new_end - new_start) / fps, 2)
    return make_entry(subset, duration, actions, dropped, fps=round(fps, 2))


def align(start: float, end: float) -> Tuple[int, int]:
    """Move the ends of a clip outwards, so that cells fit.

    Args:
        start (float): First frame in the video.
        end (float): Frame after the last.

    Returns:
        tuple[int, int]: The same for the features, whose first cell sees the
        first 32 frames, and whose last cell sees the last.
    """
    new_start = math.floor(start / STRIDE) * STRIDE
    strides = math.ceil((end - new_start - WINDOW) / STRIDE)
    return new_start, new_start + WINDOW + STRIDE * max(strides, 0)


def shift_actions(where: str, clip: dict, shift: float,
                  dropped: Counter) -> List[Action]:
    """Get the actions of a clip.

    Args:
        where (str): Place of the clip.
        clip (dict): Official clip.
        shift (float): Seconds that the clip starts earlier.
        dropped (Counter): What was left out so far; counted on.

    Returns:
        list[tuple]: Start and end in seconds, label.
    """
    actions = []
    for spot, name, label in primary_labels(where, clip):
        start, end = (
            to_number(spot, key, get_field(spot, label, key))
            for key in ('start_time', 'end_time'))
        if end - start < SHORTEST:
            dropped[f'actions shorter than {SHORTEST} s'] += 1
            continue
        actions.append((round(start + shift, 2), round(end + shift, 2), name))
    return actions


def _items(where: str, item: Any, key: str) -> Iterator[Tuple[str, Any]]:
    """Walk through a list of the file, with the place of every item."""
    values = get_field(where, item, key)
    if not isinstance(values, list):
        raise TypeError(f'{where}: {key} must be a list, but got '
                        f'{brief(values)}')
    for index, value in enumerate(values):
        yield f'{where}, {key}[{index}]', value


def parse_args(args: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, classes=True)
    parser.add_argument(
        'annotations',
        nargs='+',
        help='official JSON files, moments_train.json and moments_val.json')
    return parser.parse_args(args)


def main(args: Optional[Sequence[str]] = None) -> None:
    """Convert what the command line names."""
    args = parse_args(args)
    run_conversion(args, 'Ego4D-MQ-1.0', convert)


if __name__ == '__main__':
    main()
