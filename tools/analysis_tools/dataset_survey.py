"""What a data set of a config holds, read below the dataset class.

The dataset class refuses bad data at the first problem. Here each part of it
(paths, entries, readers, transforms) is asked video by video, and what it
refuses becomes a finding.
"""
from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmengine.config import Config

from dyfadet_mm.datasets import TADDataset
from dyfadet_mm.fileio import (exclude_videos, features_exist, load_database,
                               parse_video, select_subset)
from dyfadet_mm.registry import DATASETS

DATA_ERRORS = (ImportError, KeyError, OSError, TypeError, ValueError)


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
        severity (str): ``'error'``, ``'warning'`` or ``'note'``.
        data (str): Name of the data set, or of two.
        check (str): What was checked, in a word or two.
        message (str): What is wrong, where, and what to do.
        count (int): Videos, actions or classes concerned.
    """
    severity: str
    data: str
    check: str
    message: str
    count: int = 1


class Video(NamedTuple):
    """One video of the annotation file.

    Attributes:
        info (dict): Start of a pipeline, without actions.
        segments (ndarray): Actions in seconds, (N, 2).
        labels (ndarray): Their classes, (N, ).
    """
    info: dict
    segments: np.ndarray
    labels: np.ndarray


class Reading(NamedTuple):
    """The features of one video.

    Attributes:
        problem (str): What is wrong with them, empty if nothing.
        text (str): The same as a sentence.
        shape (tuple[int]): (T, C) as read, None where that is unknown.
        digest (bytes): Equal for features that are equal bit for bit.
        num_cells (int): Cells that the model sees.
        segments (ndarray): Actions on that grid, (N, 2).
    """
    problem: str = ''
    text: str = ''
    shape: Optional[Tuple[int, int]] = None
    digest: bytes = b''
    num_cells: int = 0
    segments: np.ndarray = np.zeros((0, 2))


@dataclass
class Survey:
    """One data set: what could be read, and findings about the rest."""
    name: str
    dataset: Optional[TADDataset] = None
    classes: Tuple[str, ...] = ()
    videos: Dict[str, Video] = field(default_factory=dict)
    missing: Dict[str, str] = field(default_factory=dict)  # id: path
    readings: Dict[str, Reading] = field(default_factory=dict)
    findings: List[Finding] = field(default_factory=list)

    def add(self,
            severity: str,
            check: str,
            message: str,
            count: int = 1) -> None:
        """Note a finding about this data set."""
        self.findings.append(
            Finding(severity, self.name, check, message, count))

    @property
    def training(self) -> bool:
        """Whether training sees it."""
        return self.name.startswith('train')

    @property
    def usable(self) -> Dict[str, Reading]:
        """Readings whose length is known, by video id."""
        return {k: r for k, r in self.readings.items() if r.shape}


def text_of(error: Exception) -> str:
    """Message of an error; a KeyError would show its repr."""
    return str(error.args[0] if isinstance(error, KeyError) else error)


def some(names: Sequence[str], most: int = 3) -> str:
    """Quote the first names of a list."""
    names = [repr(name) for name in names]
    return ', '.join(names[:most]) + (', ...' if len(names) > most else '')


def inner_configs(cfg: Config) -> List[Config]:
    """Configs of the datasets inside wrappers such as RepeatDataset."""
    if 'datasets' in cfg:
        return [
            found for each in cfg.datasets for found in inner_configs(each)
        ]
    return inner_configs(cfg.dataset) if 'dataset' in cfg else [cfg]


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
        database = load_database(dataset.ann_file, dataset.backend_args)
    except DATA_ERRORS as error:
        result.add('error', 'annotation file', text_of(error))
        return result
    result.dataset = dataset
    database = _drop_unusable(result, database)
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
        _check_label_ids(result, database)
    _parse_entries(result, entries)
    _find_missing(result)
    return result


def _drop_unusable(result: Survey, database: dict) -> dict:
    """Leave out entries without subset and actions that are no action."""
    lost = [k for k, entry in database.items() if 'subset' not in entry]
    if lost:
        result.add(
            'error', 'entries', f"{len(lost)} of {len(database)} videos have "
            f"no 'subset': {some(lost)}", len(lost))
    kept, bad = {}, []
    for video_id, entry in database.items():
        items = entry.get('annotations') or []
        good = [
            item for item in (items if isinstance(items, list) else [])
            if isinstance(item, dict) and item.get('label') is not None
        ]
        if not isinstance(items, list) or len(good) < len(items):
            bad.append(video_id)
        if 'subset' in entry:
            kept[video_id] = dict(entry, annotations=good)
    if bad:
        result.add(
            'error', 'actions', "'annotations' must be a list of dicts with "
            f"'segment' and 'label', but is not in {len(bad)} of "
            f'{len(database)} videos: {some(bad)}', len(bad))
    return kept


def _check_label_ids(result: Survey, database: dict) -> None:
    """Names and ids must belong together, or the order of classes changes."""
    names = {}
    for entry in database.values():
        for item in entry['annotations']:
            names.setdefault(repr(item.get('label_id')),
                             Counter())[str(item['label'])] += 1
    names.pop('None', None)
    bad = {k: counts for k, counts in names.items() if len(counts) > 1}
    for label_id, counts in list(bad.items())[:5]:
        listed = ', '.join(f'{n!r} {c} times' for n, c in counts.most_common())
        result.add(
            'error', 'labels', f'label_id {label_id} has {len(counts)} names: '
            f'{listed}; a misspelt name becomes a class of its own and moves '
            'the labels of others: correct the annotation file')


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
            else:
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
                   problems: List[str]) -> Tuple[np.ndarray, np.ndarray]:
    """Actions in seconds (N, 2) and labels (N, ), without refused ones."""

    def parse(items: List[dict]) -> Tuple[np.ndarray, np.ndarray]:
        video = parse_video(video_id, dict(annotations=items), class_ids, 1.)
        return video['segments_s'], video['labels_s']

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
    """Look whether every feature file exists."""
    for video_id, video in result.videos.items():
        for path in video.info['feature_paths'].values():
            try:
                found = features_exist(path, result.dataset.backend_args)
            except NotImplementedError:
                return  # as over HTTP: the reader reports a missing file
            if not found:
                result.missing[video_id] = path
                break
