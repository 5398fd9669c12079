from typing import Dict, Optional, Tuple

import numpy as np
from mmcv.transforms import BaseTransform

from dyfadet_mm.registry import TASK_UTILS, TRANSFORMS


@TRANSFORMS.register_module()
class LoadFeatures(BaseTransform):
    """Read the pre-computed features of a video.

    What has been read, checked and converted to float32 is kept in memory up
    to ``cache_mib``, and handed out as copies. Kept features stay, and those
    that no longer fit are read every time: an epoch visits each video once,
    so that dropping the least recently used one would drop each just before
    its next visit. Worker processes keep theirs over epochs if the data
    loader has ``persistent_workers=True``. Files must not change during a
    run.

    Required Keys:

    - video_id
    - feature_paths (dict): path by source

    Added Keys:

    - feats (ndarray): (T, C) float32

    Args:
        reader (dict): Config of a feature reader. Defaults to
            ``dict(type='dyfadet_mm.NpyReader')``.
        feat_dim (int, optional): Channels that the files must have, so that
            features of another dimension are reported with the name of the
            video. Defaults to None, any.
        source (str): Which of the feature sources of the data set to read, a
            key of its ``data_prefix``. Defaults to ``'feats'``.
        channels (Sequence[int], optional): First channel that is kept, and
            the one after the last: (1024, 2048) is the flow half of I3D.
            Defaults to None, all.
        cache_mib (float): MiB of float32 features kept per data set and
            process, 4 * T * C bytes a video; 0 keeps none. Defaults to 128,
            enough for small data sets and harmless for large ones, which are
            left to the file cache of the operating system.

    Raises:
        ValueError: If ``cache_mib`` is negative, or ``channels`` are no
            range within ``feat_dim``.
    """

    def __init__(self,
                 reader: Optional[dict] = None,
                 feat_dim: Optional[int] = None,
                 source: str = 'feats',
                 channels: Optional[Tuple[int, int]] = None,
                 cache_mib: float = 128) -> None:
        if not cache_mib >= 0:
            raise ValueError('cache_mib must be at least 0, but got '
                             f'{cache_mib}')
        if channels is not None:
            _check_channels(channels, feat_dim)
        if reader is None:
            reader = dict(type='dyfadet_mm.NpyReader')
        self.reader = TASK_UTILS.build(reader)
        self.feat_dim = feat_dim
        self.source = source
        self.channels = None if channels is None else tuple(channels)
        self.cache_mib = cache_mib
        self._cache: Dict[str, np.ndarray] = {}  # path -> (T, C) float32
        self._cache_bytes = 0

    def transform(self, results: dict) -> dict:
        """Add the features.

        Args:
            results (dict): Result dict of the dataset.

        Returns:
            dict: The same dict with ``feats``.

        Raises:
            FileNotFoundError: If the features are missing.
            KeyError: If the data set has no such source.
            ValueError: If the file holds no usable features.
        """
        paths = results.get('feature_paths', {})
        if self.source not in paths:
            raise KeyError(
                f"feature_paths of video {results['video_id']!r} must have "
                f'the source {self.source!r}, but got {sorted(paths)}; name '
                'it in data_prefix of the dataset, or set source')
        path = paths[self.source]
        if path in self._cache:
            feats = self._cache[path].copy()
        else:
            feats = self._read(path, results['video_id'])
            self._keep(path, feats)
        results['feats'] = feats  # (T, C)
        return results

    def _read(self, path: str, video_id: str) -> np.ndarray:
        """Read the channels of one file that are kept."""
        feats = self.reader.read(path, video_id, self.feat_dim)
        if self.channels is None:
            return feats
        first, end = self.channels
        if end > feats.shape[1]:
            raise ValueError(
                f'features of video {video_id!r} at {path!r} must have the '
                f'channels {first} to {end - 1}, but got shape {feats.shape};'
                ' set channels to fit the files')
        return feats[:, first:end].copy()

    def _keep(self, path: str, feats: np.ndarray) -> None:
        """Keep a copy, so that later steps may edit ``feats`` in place."""
        total = self._cache_bytes + feats.nbytes
        if total <= self.cache_mib * 2**20:
            self._cache[path] = feats.copy()
            self._cache_bytes = total

    def __getstate__(self) -> dict:
        """Leave the kept features behind in a copy or another process."""
        return dict(self.__dict__, _cache={}, _cache_bytes=0)

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(reader={type(self.reader).__name__}, '
                f'feat_dim={self.feat_dim}, source={self.source!r}, '
                f'channels={self.channels}, cache_mib={self.cache_mib})')


def _check_channels(channels: Tuple[int, int],
                    feat_dim: Optional[int]) -> None:
    """Check that channels are a range that the files can have."""
    limit = 'feat_dim' if feat_dim is None else f'feat_dim = {feat_dim}'
    if (len(channels) != 2 or any(type(each) is not int for each in channels)
            or not 0 <= channels[0] < channels[1]
            or feat_dim is not None and channels[1] > feat_dim):
        raise ValueError('channels must be (first, end) with 0 <= first < end '
                         f'<= {limit}, but got {channels}')
