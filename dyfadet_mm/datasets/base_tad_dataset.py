import logging
import posixpath
from typing import Any, List, Optional, Sequence, Union

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmengine.utils import is_abs

from dyfadet_mm.fileio import (features_exist, load_database,
                               missing_features_message, parse_video,
                               remove_duplicates, resolve_classes,
                               select_subset)
from dyfadet_mm.registry import DATASETS


@DATASETS.register_module()
class TADDataset(BaseDataset):
    """Untrimmed videos with pre-computed features and actions to detect.

    Annotations are one JSON file in the layout of ActivityNet. One entry,
    where ``fps`` and ``label_id`` are optional, ``duration`` may be a string
    and ``annotations`` may be missing or empty:

    .. code-block:: none

        "video_test_0000004": {
            "subset": "Test",
            "duration": 33.67,
            "fps": 30.0,
            "annotations": [{"segment": [0.2, 1.1],
                             "label": "CricketBowling", "label_id": 5}]}

    A pipeline starts from ``video_id``, ``duration`` (seconds), ``fps``,
    ``feat_stride``, ``feat_num_frames``, ``feature_path``, ``segments_s``
    (N, 2) float64 in seconds, ``labels_s`` (N, ) int64, ``class_agnostic``
    and ``rng``, a :class:`numpy.random.Generator` that depends on the seed,
    the epoch and the index only, so that a sample is the same whichever
    worker makes it.

    Classes, in label order, are ``metainfo['classes']`` of the config, else
    ``METAINFO``, else read from the annotation file.

    Args:
        ann_file (str): Annotation file, relative to ``data_root``.
        subset (str | Sequence[str]): Subset or subsets, in any case.
        feat_stride (float): Frames between two cells.
        feat_num_frames (float): Frames one cell has seen.
        data_root (str): Folder of the data set, local or a URI. Defaults to
            ``''``.
        data_prefix (dict): ``feats`` is the folder of the features, relative
            to ``data_root``. Defaults to ``dict(feats='')``.
        metainfo (dict, optional): ``classes`` as names or as a text file with
            one name per line. Defaults to None.
        fps (float, optional): Frames per second of all videos, which wins
            over the annotation file. Defaults to None.
        file_prefix (str): Text before the video id in the name of a feature
            file. Defaults to ``''``.
        file_suffix (str): Text after it. Defaults to ``'.npy'``.
        filter_missing (bool): Skip videos without a feature file and log how
            many. Defaults to False, which raises.
        remove_duplicates (bool): Drop actions that repeat an earlier one of
            the same label within 1e-3 s. Defaults to False.
        class_agnostic (bool): Train a detector of one class: labels become 0
            on the feature grid, ``labels_s`` keeps them for evaluation.
            Defaults to False.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of each path.
        kwargs: Other arguments of :class:`mmengine.dataset.BaseDataset`:
            ``pipeline``, ``test_mode``, ``indices``, ``serialize_data``,
            ``lazy_init``, ``max_refetch``.

    Raises:
        FileNotFoundError: If the annotation file is missing, or a feature
            file is and ``filter_missing`` is False.
        KeyError: If the annotation file lacks a field.
        ValueError: If an argument or an annotation is out of range.
    """

    def __init__(self,
                 ann_file: str,
                 subset: Union[str, Sequence[str]],
                 feat_stride: float,
                 feat_num_frames: float,
                 data_root: str = '',
                 data_prefix: Optional[dict] = None,
                 metainfo: Optional[dict] = None,
                 fps: Optional[float] = None,
                 file_prefix: str = '',
                 file_suffix: str = '.npy',
                 filter_missing: bool = False,
                 remove_duplicates: bool = False,
                 class_agnostic: bool = False,
                 backend_args: Optional[dict] = None,
                 **kwargs: Any) -> None:
        for name, value in dict(
                feat_stride=feat_stride, feat_num_frames=feat_num_frames,
                fps=fps).items():
            if value is not None and not value > 0:
                raise ValueError(f'{name} must be above 0, but got {value}')
        if data_prefix is None:
            data_prefix = dict(feats='')
        if set(data_prefix) != {'feats'}:
            raise ValueError("data_prefix must be dict(feats='folder'), but "
                             f'got {data_prefix}')
        self.subset = subset
        self.feat_stride = feat_stride
        self.feat_num_frames = feat_num_frames
        self.fps = fps
        self.file_prefix = file_prefix
        self.file_suffix = file_suffix
        self.filter_missing = filter_missing
        self.remove_duplicates = remove_duplicates
        self.class_agnostic = class_agnostic
        self.backend_args = backend_args
        self._seed_and_epoch = torch.zeros(2, dtype=torch.int64)
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=data_prefix,
            **kwargs)

    def _join_prefix(self) -> None:
        """Join ``data_root`` to the annotation file and the folder."""
        self.ann_file = _join(self.data_root, self.ann_file)
        self.data_prefix = dict(
            feats=_join(self.data_root, self.data_prefix['feats']))

    def load_data_list(self) -> List[dict]:
        """Read the videos of the subset, and the classes of the whole file.

        Returns:
            list[dict]: One dict per video, in the order of the file.
        """
        database = load_database(self.ann_file, self.backend_args)
        classes = resolve_classes(database, self._metainfo.get('classes'))
        self._metainfo['classes'] = classes
        class_ids = {name: label for label, name in enumerate(classes)}
        entries = select_subset(database, self.subset)
        return [
            self.parse_data_info(
                dict(video_id=video_id, entry=entry, class_ids=class_ids))
            for video_id, entry in entries.items()
        ]

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Convert one entry of the annotation file.

        Args:
            raw_data_info (dict): ``video_id``, ``entry`` and ``class_ids``.

        Returns:
            dict: Start of a pipeline, without ``rng``.
        """
        data_info = parse_video(**raw_data_info, fps=self.fps)
        if self.remove_duplicates:
            data_info['segments_s'], data_info['labels_s'] = remove_duplicates(
                data_info['segments_s'], data_info['labels_s'])
        name = f'{self.file_prefix}{data_info["video_id"]}{self.file_suffix}'
        return dict(
            data_info,
            feat_stride=self.feat_stride,
            feat_num_frames=self.feat_num_frames,
            feature_path=_join(self.data_prefix['feats'], name),
            class_agnostic=self.class_agnostic)

    def filter_data(self) -> List[dict]:
        """Check that every video has a feature file.

        Returns:
            list[dict]: Videos that have one.

        Raises:
            FileNotFoundError: If one is missing and ``filter_missing`` is
                False, or if all are missing.
            NotImplementedError: If ``filter_missing`` is True where the
                storage cannot tell, as over HTTP.
        """
        kept, missing = [], []
        try:
            for info in self.data_list:
                found = features_exist(info['feature_path'], self.backend_args)
                (kept if found else missing).append(info)
        except NotImplementedError:
            if self.filter_missing:
                raise
            return self.data_list  # the reader reports a missing file
        if missing and not (kept and self.filter_missing):
            first = missing[0]
            more = '' if len(missing) == 1 else (
                f' (and for {len(missing) - 1} more of '
                f'{len(self.data_list)} videos)')
            raise FileNotFoundError(
                missing_features_message(first['video_id'],
                                         first['feature_path']) + more)
        if missing:
            names = ', '.join(info['video_id'] for info in missing[:5])
            dots = ', ...' if len(missing) > 5 else ''
            print_log(
                f'skipped {len(missing)} of {len(self.data_list)} videos of '
                f'{self.ann_file!r} without features: {names}{dots}',
                logger='current',
                level=logging.WARNING)
        return kept

    def set_epoch(self, epoch: int, seed: Optional[int] = None) -> None:
        """Choose the random numbers of the samples made from now on.

        The value lives in shared memory, so that persistent workers of a
        data loader see it. It must be set before the loader's iterator is
        made, as :class:`SetEpochHook` does.

        Args:
            epoch (int): Epoch, counted from 0.
            seed (int, optional): Seed of the run. Defaults to None, which
                keeps the last one (0 at the start).

        Raises:
            ValueError: If a number is negative.
        """
        for name, value in dict(epoch=epoch, seed=seed).items():
            if value is not None and value < 0:
                raise ValueError(f'{name} must be at least 0, but got {value}')
        self._seed_and_epoch.share_memory_()
        if seed is not None:
            self._seed_and_epoch[0] = seed
        self._seed_and_epoch[1] = epoch

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on one video.

        Args:
            idx (int): Index of the video.

        Returns:
            Any: What the last step of the pipeline returns.
        """
        data_info = self.get_data_info(idx)
        seed, epoch = self._seed_and_epoch.tolist()
        data_info['rng'] = np.random.default_rng(
            (seed, epoch, data_info['sample_idx']))
        return self.pipeline(data_info)

    def get_cat_ids(self, idx: int) -> List[int]:
        """Classes of one video, for a class-balanced wrapper.

        Args:
            idx (int): Index of the video.

        Returns:
            list[int]: Labels, one per action.
        """
        return self.get_data_info(idx)['labels_s'].tolist()


def _join(folder: str, path: str) -> str:
    """Join a local folder or a URI and a path, unless that is absolute."""
    if not folder or is_abs(path) or '://' in path:
        return path
    return posixpath.join(folder, path)
