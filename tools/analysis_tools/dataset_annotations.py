"""Annotations of a data set, read below the dataset class.

The dataset class refuses bad data at the first problem. Here each part of it
(paths, entries, readers, transforms) is asked video by video, and what it
refuses becomes a finding.
"""
from collections import Counter
from typing import Dict, List, Tuple

import numpy as np
from dataset_salvage import check_label_ids, drop_unusable, load_entries
from dataset_survey import DATA_ERRORS, Survey, Video, some, text_of
from mmengine.config import Config

from dyfadet_mm.fileio import (exclude_videos, features_exist, find_reversed,
                               parse_video, select_subset)
from dyfadet_mm.registry import DATASETS


def survey_dataset(name: str, cfg: Config) -> Survey:
    """Read the annotations of one data set, and look for its features.

    Args:
        name (str): For findings, such as ``'train'``.
        cfg (Config): Config of a :class:`TADDataset`.

    Returns:
        Survey: Without readings, see :func:`read_features`.
    """
    result = Survey(name)
    try:
        # without reading anything
        dataset = DATASETS.build(dict(cfg, lazy_init=True))
        database = load_entries(result, dataset)
    except DATA_ERRORS as error:
        result.add('error', 'annotation file', text_of(error))
        return result
    result.dataset = dataset
    database = drop_unusable(result, database)
    try:
        given = dataset.metainfo.get('classes')
        result.classes = dataset.read_classes(database)
        entries = exclude_videos(
            select_subset(database, dataset.subset), dataset.exclude,
            dataset.backend_args)
    except DATA_ERRORS as error:
        result.add('error', 'subset', text_of(error))
        return result
    if given is None:
        check_label_ids(result, database, dataset.ignore_labels)
    _parse_entries(result, entries)
    _find_missing(result)
    return result


def _parse_entries(result: Survey, entries: dict) -> None:
    """Convert entries one by one, and count what is refused."""
    class_ids = {name: label for label, name in enumerate(result.classes)}
    unknown, bad_entries, bad_actions = Counter(), [], []
    for video_id, entry in entries.items():
        items = []
        for item in entry['annotations']:
            label = str(item['label'])
            if label in class_ids:
                items.append(item)
            elif label not in result.dataset.ignore_labels:
                unknown[label] += 1
        actions = _parse_actions(video_id, items, class_ids, bad_actions)
        try:
            info = result.dataset.parse_data_info(
                dict(
                    video_id=video_id,
                    entry=dict(entry, annotations=[]),
                    class_ids=class_ids))
        except DATA_ERRORS as error:
            bad_entries.append(text_of(error))
            continue
        result.videos[video_id] = Video(info, *actions)
    if unknown:
        total = sum(unknown.values())
        result.add(
            'error', 'labels', f'{total} actions have a label that is not '
            f'among the {len(result.classes)} classes: '
            f'{some([name for name, _ in unknown.most_common()])}; correct '
            "them, or metainfo=dict(classes=...) of the dataset", total)
    for check, texts in dict(entries=bad_entries, actions=bad_actions).items():
        if texts:
            result.add('error', check,
                       f'{len(texts)} are refused, the first: {texts[0]}',
                       len(texts))


def _parse_actions(video_id: str, items: List[dict], class_ids: Dict[str, int],
                   problems: List[str]) -> Tuple[np.ndarray, np.ndarray, int]:
    """Actions in seconds (N, 2), labels (N, ), and how many are reversed."""

    def parse(items: List[dict]) -> Tuple[np.ndarray, np.ndarray, int]:
        video = parse_video(video_id, dict(annotations=items), class_ids, 1.)
        back = find_reversed(video['segments_s'])
        return (video['segments_s'][~back], video['labels_s'][~back],
                int(back.sum()))

    try:
        return parse(items)
    except DATA_ERRORS:
        good = []
    for item in items:
        try:
            parse([item])
            good.append(item)
        except DATA_ERRORS as error:
            problems.append(text_of(error))
    return parse(good)


def _find_missing(result: Survey) -> None:
    """Look whether every file of features, or of a video, exists."""
    for video_id, video in result.videos.items():
        paths = video.info.get('feature_paths') or dict(
            video=video.info['filename'])
        for path in paths.values():
            try:
                found = features_exist(path, result.dataset.backend_args)
            except NotImplementedError:
                return  # as over HTTP: the reader reports a missing file
            if not found:
                result.missing[video_id] = path
                break
