"""From a video or its features to what a detector takes."""
import os.path as osp
from typing import Any, Dict, Optional, Tuple

import numpy as np
from mmcv.transforms import Compose
from mmengine.config import Config

from dyfadet_mm.datasets.transforms import (ConcatFeatures, LoadFeatures,
                                            PackTADInputs, SecondsToGrid,
                                            SpreadFeatures)
from dyfadet_mm.fileio import check_grid, grid_path, load_grid
from dyfadet_mm.fileio.feature_readers.checks import (check_features,
                                                      check_finite)
from dyfadet_mm.fileio.feature_readers.containers import split_container
from dyfadet_mm.registry import TASK_UTILS, TRANSFORMS
from .inputs import Source, reader_of
from .video_frames import GRID, VideoFrames, kind_of, reads_frames


class InferencePipeline:
    """Make the input of a detector of a video, without annotations.

    The steps are those of the config's test pipeline, but for reading, which
    follows the suffix of the file, and for the conversion of actions.

    Args:
        cfg (Config): Config of the detector. Its ``test_dataloader`` says
            what the features are, if it has one.
        feat_dim (int, optional): Channels that the detector takes; None is
            any. Defaults to None.

    Attributes:
        grid (dict): ``fps``, ``feat_stride`` and ``feat_num_frames`` of the
            config, None where they differ from video to video.
        extract (callable, optional): From the path of a video to its
            features (T, C), their grid, as a file beside them would have it
            with the ``fps`` of the video, and its duration in seconds. None
            without videos.
        frames (VideoFrames, optional): From a video to the frames that the
            detector reads, None of one that reads features only.
    """

    def __init__(self, cfg: Config, feat_dim: Optional[int] = None) -> None:
        dataset = _innermost(cfg.get('test_dataloader') or {})
        self.grid = {key: dataset.get(key) for key in GRID}
        self.feat_dim = feat_dim
        self.extract = None
        self.loader: dict = {}
        self.spreads = False
        pipeline = dataset.get('pipeline') or [dict(type=PackTADInputs)]
        self.frames = None
        if reads_frames(dataset):
            self.frames = VideoFrames(dataset)
            pipeline = self.frames.steps_of_features()
        steps = []
        for step in pipeline:
            kind = kind_of(step)
            if kind is LoadFeatures:
                self.loader = dict(step)
            elif kind not in (ConcatFeatures, SecondsToGrid):
                steps.append(TRANSFORMS.build(step))
                self.spreads |= kind is SpreadFeatures
        self.steps = Compose(steps)

    def __call__(self, source: Source, **given: Optional[float]) -> dict:
        """Read one video and pack it.

        Args:
            source (Source): The video.
            given (float): ``duration`` (seconds), ``fps``, ``feat_stride``
                and ``feat_num_frames``, which win over all else.

        Returns:
            dict: ``inputs``, features (C, T) or frames (3, T, k, H, W), and
            ``data_samples``.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it has no usable features, or nothing says where
                in time they are.
        """
        given = {key: each for key, each in given.items() if each is not None}
        if self.frames is not None and source.is_video:
            return self.frames(source.path, source.video_id, **given)
        feats, facts = self._read(source, given)
        facts = self.complete(repr(source.name), {**facts, **given})
        if 'duration' not in facts:
            facts['duration'] = _duration(feats, facts)
        return self.steps(dict(facts, video_id=source.video_id, feats=feats))

    def _read(self, source: Source, given: dict) -> Tuple[np.ndarray, dict]:
        """Features (T, C) float32, and what is known of their grid."""
        if source.is_video:
            feats, facts, duration = self.extract(source.path)
            facts = dict(facts, channels=feats.shape[1])
            return feats, dict(self.check_extractor(facts), duration=duration)
        if source.feats is not None:
            try:
                check_features(source.feats, self.feat_dim)
                feats = np.ascontiguousarray(source.feats, dtype=np.float32)
                check_finite(feats)
            except ValueError as error:
                raise ValueError(f'{source.name} must {error}') from None
            return feats, {}
        container, key = split_container(source.path)
        folder = container if key else osp.dirname(source.path)
        facts = load_grid(folder) or {}
        for user, values in dict(
                detector=self._known, arguments=given).items():
            values = {k: v for k, v in values.items() if k != 'duration'}
            check_grid(grid_path(folder), facts, f'the {user}', **values)
        loader = self._loader_of(source.path)
        found = loader(
            dict(
                video_id=source.video_id,
                feature_paths={loader.source: source.path}))
        return found['feats'], _grid_of(facts)

    def _loader_of(self, path: str) -> LoadFeatures:
        """Reader of a file, that of the config if it reads such files."""
        reader = reader_of(path)
        own = self.loader.get('reader') or {}
        if own and TASK_UTILS.get(own['type']) is TASK_UTILS.get(
                reader['type']):
            reader = own
        return LoadFeatures(
            reader=reader,
            feat_dim=self.loader.get('feat_dim', self.feat_dim),
            channels=self.loader.get('channels'),
            cache_mib=0)

    @property
    def _known(self) -> Dict[str, Optional[float]]:
        """What the detector expects of features."""
        return dict(self.grid, feat_dim=self.feat_dim)

    def check_extractor(self, facts: dict) -> Dict[str, float]:
        """Refuse features of another grid than that of the detector.

        Args:
            facts (dict): As a file beside the features would have them.

        Returns:
            dict: ``fps``, ``feat_stride`` and ``feat_num_frames``.

        Raises:
            ValueError: If they differ. The error names both.
        """
        check_grid('the extractor', facts, 'the detector', **self._known)
        return _grid_of(facts)

    def complete(self, name: str, facts: Dict[str, Any]) -> Dict[str, Any]:
        """Add what the config of the detector says of features.

        Args:
            name (str): Of the video, for the error.
            facts (dict): What else is known, which wins.

        Returns:
            dict: With ``fps``, ``feat_stride`` and ``feat_num_frames``.

        Raises:
            ValueError: If nothing says one of them.
        """
        facts = {**self.grid, **facts}
        missing = [key for key in GRID if facts[key] is None]
        if self.spreads:
            missing = [k for k in ('fps', 'duration') if not facts.get(k)]
        if missing:
            raise ValueError(
                f'{name} must have {", ".join(missing)} to place detections '
                'in seconds, but neither the config nor a feature_grid.json '
                f'beside the features says; give {missing[0]}=...')
        return facts


def _innermost(loader: dict) -> dict:
    """Config of the data set inside wrappers, the first of several."""
    dataset = loader.get('dataset') or {}
    while 'dataset' in dataset or 'datasets' in dataset:
        dataset = dataset.get('dataset') or dataset['datasets'][0]
    return dataset


def _grid_of(facts: dict) -> dict:
    """What a file beside features says, by the names of a data set."""
    names = dict(fps='fps', feat_stride='stride', feat_num_frames='window')
    return {
        key: facts[name]
        for key, name in names.items() if facts.get(name) is not None
    }


def _duration(feats: np.ndarray, facts: Dict[str, Any]) -> float:
    """Seconds up to the last frame that a cell has seen."""
    frames = (len(feats) - 1) * facts['feat_stride'] + facts['feat_num_frames']
    return frames / facts['fps']
