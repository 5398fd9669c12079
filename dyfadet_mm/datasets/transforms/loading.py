from typing import Dict, Optional

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
    - feature_path

    Added Keys:

    - feats (ndarray): (T, C) float32

    Args:
        reader (dict): Config of a feature reader. Defaults to
            ``dict(type='dyfadet_mm.NpyReader')``.
        feat_dim (int, optional): C that the model expects, so that features
            of another dimension are reported with the name of the video.
            Defaults to None, any.
        cache_mib (float): MiB of float32 features kept per data set and
            process, 4 * T * C bytes a video; 0 keeps none. Defaults to 128,
            enough for small data sets and harmless for large ones, which are
            left to the file cache of the operating system.

    Raises:
        ValueError: If ``cache_mib`` is negative.
    """

    def __init__(self,
                 reader: Optional[dict] = None,
                 feat_dim: Optional[int] = None,
                 cache_mib: float = 128) -> None:
        if not cache_mib >= 0:
            raise ValueError('cache_mib must be at least 0, but got '
                             f'{cache_mib}')
        if reader is None:
            reader = dict(type='dyfadet_mm.NpyReader')
        self.reader = TASK_UTILS.build(reader)
        self.feat_dim = feat_dim
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
            FileNotFoundError: If the feature file is missing.
            ValueError: If it holds no usable features.
        """
        path = results['feature_path']
        if path in self._cache:
            feats = self._cache[path].copy()
        else:
            feats = self.reader.read(path, results['video_id'], self.feat_dim)
            self._keep(path, feats)
        results['feats'] = feats  # (T, C)
        return results

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
                f'feat_dim={self.feat_dim}, cache_mib={self.cache_mib})')
