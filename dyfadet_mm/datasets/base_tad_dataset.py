from contextlib import suppress
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from mmengine.dataset import BaseDataset

from dyfadet_mm.fileio import (exclude_videos, find_reversed, load_database,
                               naming, parse_video, read_class_list,
                               remove_duplicates, remove_short,
                               resolve_classes, select_subset)
from dyfadet_mm.registry import DATASETS
from .annotation_notes import report_ignored, report_reversed
from .class_numbering import ClassNumbering
from .feature_files import (feature_path, join_path, per_source,
                            videos_with_features)
from .grid_files import complete_grid
from .sample_rng import SampleRng, drawing_from

FILTERS = ('filter_empty_gt', 'min_action_length')


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
    ``feat_stride``, ``feat_num_frames``, ``feature_paths``, a dict with one
    path per feature source, ``segments_s`` (N, 2) float64 in seconds,
    ``labels_s`` (N, ) int64, ``class_agnostic`` and ``rng``, a
    :class:`numpy.random.Generator` that depends on the seed, the epoch and
    the index only, so that a sample is the same whichever worker makes it. The
    global generators of Python, NumPy and PyTorch start from the same numbers.
    Without :meth:`set_epoch`, the visits to the video count the epochs.

    Classes, in label order, are ``metainfo['classes']`` of the config, else
    ``METAINFO``, else read from the annotation file; :meth:`use_classes`
    gives them another order. In ``test_mode``, a file without actions is one
    of videos to detect in, and has no classes.

    Actions that end before they start, of which published files have some,
    are in ``segments_s``, as evaluation counts them, but no target in
    training. A warning says how many there are.

    Args:
        ann_file (str): Annotation file, relative to ``data_root``.
        subset (str | Sequence[str]): Subset or subsets, in any case.
        feat_stride (float, optional): Frames between two cells. Defaults to
            None: taken from ``feature_grid.json`` beside local features, if
            there is one, else set by :class:`SpreadFeatures`.
        feat_num_frames (float, optional): Frames one cell has seen. Defaults
            to None, as ``feat_stride``.
        data_root (str): Folder of the data set, local or a URI. Defaults to
            ``''``.
        data_prefix (dict[str, str]): Folder of every feature source, relative
            to ``data_root``. ``{subset}`` in it stands for the subset of the
            video in lower case. It may also be one file that holds all
            videos, such as ``'tsp.hdf5'``, with ``file_suffix=''``. A video
            needs all of its sources. Defaults to ``dict(feats='')``.
        metainfo (dict, optional): ``classes`` as names or as a text file with
            one name per line. Defaults to None.
        fps (float, optional): Frames per second of all videos, which wins
            over the annotation file. Defaults to None: that of
            ``feature_grid.json``, if the features were made at a rate of
            their own, else that of the annotation file.
        file_prefix (str | dict[str, str]): Text before the video id in the
            name of a feature file, for all sources or by source. Defaults to
            ``''``.
        file_suffix (str | dict[str, str]): Text after it. Defaults to
            ``'.npy'``.
        exclude (str | Sequence[str]): Ids of videos to leave out, or a text
            file with one id per line, relative to ``data_root``. Defaults to
            ().
        ignore_labels (str | Sequence[str]): Labels of which annotations are
            neither classes nor targets nor ground truth. Defaults to ().
        filter_cfg (dict, optional): ``filter_empty_gt=True`` leaves out
            videos without actions to learn, unless ``test_mode``;
            ``min_action_length`` drops shorter actions, in seconds, in
            testing too, and with them those that end before they start.
            Defaults to None, which keeps all.
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
        ValueError: If an argument or an annotation is out of range, or
            ``feature_grid.json`` says other numbers than the arguments.
    """

    def __init__(self,
                 ann_file: str,
                 subset: Union[str, Sequence[str]],
                 feat_stride: Optional[float] = None,
                 feat_num_frames: Optional[float] = None,
                 data_root: str = '',
                 data_prefix: Optional[Dict[str, str]] = None,
                 metainfo: Optional[dict] = None,
                 fps: Optional[float] = None,
                 file_prefix: Union[str, Dict[str, str]] = '',
                 file_suffix: Union[str, Dict[str, str]] = '.npy',
                 exclude: Union[str, Sequence[str]] = (),
                 ignore_labels: Union[str, Sequence[str]] = (),
                 filter_cfg: Optional[dict] = None,
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
        if not data_prefix:
            raise ValueError('data_prefix must name a folder for at least one '
                             "source, as in dict(feats='folder'), but got "
                             f'{data_prefix}')
        unknown = sorted(set(filter_cfg or ()) - set(FILTERS))
        if unknown:
            raise ValueError(f'filter_cfg must have keys of {FILTERS}, but '
                             f'got {unknown}')
        self.subset = subset
        self.feat_stride = feat_stride
        self.feat_num_frames = feat_num_frames
        self.fps = fps
        self.file_prefix = per_source('file_prefix', file_prefix,
                                      list(data_prefix))
        self.file_suffix = per_source('file_suffix', file_suffix,
                                      list(data_prefix))
        self.exclude = exclude
        if isinstance(ignore_labels, str):
            ignore_labels = [ignore_labels]
        self.ignore_labels = {str(name) for name in ignore_labels}
        self.filter_missing = filter_missing
        self.remove_duplicates = remove_duplicates
        self.class_agnostic = class_agnostic
        self.backend_args = backend_args
        self._rng = SampleRng()
        self._numbering = ClassNumbering()
        # classes=None leaves those of METAINFO
        metainfo = {
            key: value
            for key, value in (metainfo or {}).items() if value is not None
        }
        if isinstance(metainfo.get('classes'), str):
            with suppress(FileNotFoundError):  # a name, refused by its kind
                metainfo['classes'] = read_class_list(metainfo['classes'])
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=data_prefix,
            filter_cfg=filter_cfg,
            **kwargs)

    def _join_prefix(self) -> None:
        """Join ``data_root`` to the annotation file and the folders."""
        self.ann_file = join_path(self.data_root, self.ann_file)
        if isinstance(self.exclude, str):
            self.exclude = join_path(self.data_root, self.exclude)
        self.data_prefix = {
            source: join_path(self.data_root, folder)
            for source, folder in self.data_prefix.items()
        }

    def load_data_list(self) -> List[dict]:
        """Read the videos of the subset, and the classes of the whole file.

        Returns:
            list[dict]: One dict per video, in the order of the file.
        """
        numbers = complete_grid(
            dict(
                fps=self.fps,
                feat_stride=self.feat_stride,
                feat_num_frames=self.feat_num_frames), self.data_prefix,
            self.subset, self.pipeline)
        self.fps = numbers['fps']
        self.feat_stride = numbers['feat_stride']
        self.feat_num_frames = numbers['feat_num_frames']
        database = load_database(self.ann_file, self.backend_args)
        source = f'annotation file {self.ann_file!r}'
        with naming(source):
            classes = self.read_classes(database)
            entries = select_subset(database, self.subset)
        entries = exclude_videos(entries, self.exclude, self.backend_args)
        class_ids = {name: label for label, name in enumerate(classes)}
        with naming(source):
            data_list = [
                self.parse_data_info(
                    dict(video_id=video_id, entry=entry, class_ids=class_ids))
                for video_id, entry in entries.items()
            ]
        self._metainfo['classes'] = classes
        report_ignored(entries, self.ignore_labels)
        report_reversed(data_list)
        self._numbering.set_own(
            classes, np.concatenate([info['labels_s'] for info in data_list]))
        return data_list

    def full_init(self) -> None:
        """Read the annotation file, unless that has been done."""
        if self._fully_initialized:
            return
        super().full_init()
        if not self.test_mode:  # in testing a sample stays the same
            self._rng.count_visits(len(self))

    def find_classes(self) -> Tuple[str, ...]:
        """Class names in label order, without looking for features.

        Returns:
            tuple[str]: The given ones, or those of the annotation file.
        """
        if self._metainfo.get('classes') is not None:
            return self.read_classes({})
        database = load_database(self.ann_file, self.backend_args)
        with naming(f'annotation file {self.ann_file!r}'):
            return self.read_classes(database)

    def use_classes(self, classes: Sequence[str]) -> None:
        """Number the classes as another data set or a model does, by name.

        Labels and ``metainfo['classes']`` follow from now on. Classes of the
        videos of this data set that are not among ``classes`` get the labels
        behind, in their own order: as soon as the file has been read.

        Args:
            classes (Sequence[str]): Names in label order.

        Raises:
            TypeError: If they are not a sequence of names.
            ValueError: If a name is repeated, or there is none.
        """
        self._numbering.follow(classes)

    @property
    def metainfo(self) -> dict:
        """dict: A copy, where ``classes`` are those in use."""
        metainfo = super().metainfo
        if self._numbering.names is not None:
            metainfo['classes'] = self._numbering.names
        return metainfo

    def get_data_info(self, idx: int) -> dict:
        """Get the start of a pipeline.

        Args:
            idx (int): Index of the video.

        Returns:
            dict: As listed above, without ``rng``, and ``sample_idx``.
        """
        data_info = super().get_data_info(idx)
        data_info['labels_s'] = self._numbering.convert(data_info['labels_s'])
        return data_info

    def read_classes(self, database: dict) -> Tuple[str, ...]:
        """Class names in label order.

        Args:
            database (dict): Entry by video id, of all subsets.

        Returns:
            tuple[str]: Those of the metainfo, or of the database; none if
            that has no actions, in ``test_mode``.
        """
        return resolve_classes(
            database,
            self._metainfo.get('classes'),
            ignore_labels=self.ignore_labels,
            allow_empty=self.test_mode)

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Convert one entry of the annotation file.

        Args:
            raw_data_info (dict): ``video_id``, ``entry`` and ``class_ids``.

        Returns:
            dict: Start of a pipeline, without ``rng``.
        """
        data_info = parse_video(
            **raw_data_info, fps=self.fps, ignore_labels=self.ignore_labels)
        segments, labels = data_info['segments_s'], data_info['labels_s']
        min_length = self._filter('min_action_length', None)
        if min_length is not None:
            segments, labels = remove_short(segments, labels, min_length)
        if self.remove_duplicates:
            segments, labels = remove_duplicates(segments, labels)
        video_id = data_info['video_id']
        subset = str(raw_data_info['entry']['subset']).lower()
        paths = {
            source:
            feature_path(
                folder.replace('{subset}', subset),
                self.file_prefix[source] + video_id + self.file_suffix[source])
            for source, folder in self.data_prefix.items()
        }
        return dict(
            data_info,
            segments_s=segments,
            labels_s=labels,
            feat_stride=self.feat_stride,
            feat_num_frames=self.feat_num_frames,
            feature_paths=paths,
            class_agnostic=self.class_agnostic)

    def filter_data(self) -> List[dict]:
        """Keep the videos that have what ``filter_cfg`` asks, and features.

        Returns:
            list[dict]: The others are gone.

        Raises:
            FileNotFoundError: If features are missing and ``filter_missing``
                is False, or if all are missing.
            NotImplementedError: If ``filter_missing`` is True where the
                storage cannot tell, as over HTTP.
            ValueError: If no video has an action.
        """
        data_list = self.data_list
        if self._filter('filter_empty_gt', False) and not self.test_mode:
            data_list = [
                info for info in data_list
                if not find_reversed(info['segments_s']).all()
            ]
            if not data_list:
                raise ValueError(
                    f'subset {self.subset!r} of {self.ann_file!r} must have '
                    'actions, but got none; choose another one, or '
                    'filter_cfg=dict(filter_empty_gt=False)')
        return self.filter_files(data_list)

    def filter_files(self, data_list: List[dict]) -> List[dict]:
        """Keep the videos that have features; see :meth:`filter_data`."""
        return videos_with_features(data_list, self.filter_missing,
                                    self.backend_args)

    def _copy_without_annotation(self, memo: Optional[dict] = None) -> Any:
        """Copy all but the videos, for :meth:`get_subset`.

        MMEngine's default memory is one dict for all calls: a second copy
        would get what the first one got, classes before a change of them.
        """
        return super()._copy_without_annotation({} if memo is None else memo)

    def _filter(self, name: str, default: Any) -> Any:
        """One value of ``filter_cfg``."""
        return (self.filter_cfg or {}).get(name, default)

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
        self._rng.set_epoch(epoch, seed)

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline on one video.

        Args:
            idx (int): Index of the video.

        Returns:
            Any: What the last step of the pipeline returns.
        """
        data_info = self.get_data_info(idx)
        rng = data_info['rng'] = self._rng.draw(data_info['sample_idx'])
        with drawing_from(rng):
            return self.pipeline(data_info)

    def get_cat_ids(self, idx: int) -> List[int]:
        """Classes of one video, for a class-balanced wrapper.

        Args:
            idx (int): Index of the video.

        Returns:
            list[int]: Labels, one per action to learn.
        """
        data_info = self.get_data_info(idx)
        targets = ~find_reversed(data_info['segments_s'])
        return data_info['labels_s'][targets].tolist()
