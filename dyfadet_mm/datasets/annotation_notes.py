"""What a data set says about annotations that it does not train with."""
import logging
from typing import Collection, Dict, List

from mmengine.logging import print_log

from dyfadet_mm.fileio import actions_of, find_reversed, label_name


def report_ignored(entries: Dict[str, dict],
                   ignore_labels: Collection[str]) -> None:
    """Log how many annotations ``ignore_labels`` leaves out, if any.

    Args:
        entries (dict): Entry by video id.
        ignore_labels (Collection[str]): Names that are no classes.
    """
    if not ignore_labels:
        return
    counts = [
        sum(
            label_name(video_id, index, item) in ignore_labels
            for index, item in enumerate(actions_of(video_id, entry)))
        for video_id, entry in entries.items()
    ]
    if any(counts):
        print_log(
            f'ignored {sum(counts)} annotations in '
            f'{sum(map(bool, counts))} of {len(entries)} videos, whose label '
            f'is among ignore_labels={sorted(ignore_labels)}',
            logger='current')


def report_reversed(data_list: List[dict]) -> None:
    """Warn of actions that end before they start, and name the first ones.

    Args:
        data_list (list[dict]): With ``video_id`` and ``segments_s`` (N, 2).
    """
    found = [(info['video_id'], segment) for info in data_list for segment in
             info['segments_s'][find_reversed(info['segments_s'])].tolist()]
    if not found:
        return
    first = ', '.join(f'{video_id!r} {segment}'
                      for video_id, segment in found[:3])
    print_log(
        f'{len(found)} actions in {len({k for k, _ in found})} of '
        f'{len(data_list)} videos end before they start: {first}'
        f"{', ...' if len(found) > 3 else ''}; they are no target in "
        'training, and evaluation counts them as actions that nothing '
        'matches. Correct them if the file is yours',
        logger='current',
        level=logging.WARNING)
