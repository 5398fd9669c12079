from typing import Optional, Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from dyfadet_mm.registry import TRANSFORMS
from .resample import resize_linear


@TRANSFORMS.register_module()
class ConcatFeatures(BaseTransform):
    """Load several features of a video and put their channels side by side.

    ============= =================================================
    align         cells T of the result
    ============= =================================================
    ``'first'``   those of the first loader, as published for
                  THUMOS14, ActivityNet and HACS
    ``'longest'`` those of the longest, OpenTAD's rule
    None          those of all, which must be equal, as published
                  for Ego4D
    ============= =================================================

    Features of another length are resized linearly in time, without aligned
    corners. Stride, window and fps stay those of the data set, so that it
    has to describe the features that decide T.

    Required Keys:

    - video_id
    - feature_paths (dict): path by source

    Added Keys:

    - feats (ndarray): (T, C) float32, C being the sum over loaders

    Args:
        loaders (Sequence[dict]): Configs of :class:`LoadFeatures`, in the
            order of the channels.
        align (str, optional): One of the table. Defaults to ``'first'``.

    Raises:
        ValueError: If ``align`` is unknown, or there are no loaders.
    """

    def __init__(self,
                 loaders: Sequence[dict],
                 align: Optional[str] = 'first') -> None:
        if align not in ('first', 'longest', None):
            raise ValueError("align must be 'first', 'longest' or None, but "
                             f'got {align!r}')
        if not loaders:
            raise ValueError('loaders must be at least one config of '
                             f'LoadFeatures, but got {loaders!r}')
        self.loaders = [TRANSFORMS.build(loader) for loader in loaders]
        self.align = align

    def transform(self, results: dict) -> dict:
        """Add the features of all loaders as one array.

        Args:
            results (dict): Result dict of the dataset.

        Returns:
            dict: The same dict with ``feats``.

        Raises:
            FileNotFoundError: If features are missing.
            KeyError: If the data set has no such source.
            ValueError: If a file holds no usable features, or lengths differ
                where ``align`` is None.
        """
        parts = [loader(dict(results))['feats'] for loader in self.loaders]
        lengths = [len(part) for part in parts]
        if self.align is None and len(set(lengths)) > 1:
            raise ValueError(
                f"features of video {results['video_id']!r} must have one "
                f'length, but got {lengths} cells; extract them on one grid, '
                "or set align='first' to resize")
        length = max(lengths) if self.align == 'longest' else lengths[0]
        results['feats'] = np.concatenate(
            [resize_linear(part, length) for part in parts], axis=1)  # (T, C)
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(loaders={self.loaders}, '
                f'align={self.align!r})')
