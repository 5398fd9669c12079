"""Other numbers of cells: fewer, or a fixed one.

These steps come before :class:`SecondsToGrid`, since they change
``feat_stride`` and ``feat_num_frames``, by which seconds and cells are
converted, in training as in testing.
"""
import math

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import BaseTransform

from dyfadet_mm.registry import TRANSFORMS
from dyfadet_mm.utils.checks import check_at_least


def resize_linear(feats: np.ndarray, length: int) -> np.ndarray:
    """Interpolate features linearly in time, without aligned corners.

    Args:
        feats (ndarray): (T, C) float32.
        length (int): Cells of the result.

    Returns:
        ndarray: (``length``, C) float32; ``feats`` itself, uncopied, if it
        has that length.
    """
    if len(feats) == length:
        return feats
    resized = F.interpolate(
        torch.from_numpy(feats).t()[None], size=length, mode='linear')
    return np.ascontiguousarray(resized[0].t().numpy())


@TRANSFORMS.register_module()
class SubsampleFeatures(BaseTransform):
    """Keep every n-th cell of a long video.

    A video of T > ``max_len`` cells keeps the cells 0, n, 2n, ... with
    n = T // ``max_len`` + 1, one more than needed where T is a multiple, as
    published for FineAction, in training and in testing.

    Required Keys:

    - feats (ndarray): (T, C)
    - feat_stride

    Modified Keys:

    - feats
    - feat_stride: n times as many frames; a cell has seen as many as before

    Args:
        max_len (int): Cells up to which a video stays as it is.

    Raises:
        ValueError: If ``max_len`` is below 1.
    """

    def __init__(self, max_len: int) -> None:
        check_at_least('max_len', max_len)
        self.max_len = max_len

    def transform(self, results: dict) -> dict:
        """Thin out a video that is too long.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The same dict.
        """
        feats = results['feats']
        if len(feats) > self.max_len:
            rate = len(feats) // self.max_len + 1
            results['feats'] = feats[::rate].copy()
            results['feat_stride'] = results['feat_stride'] * rate
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(max_len={self.max_len})'


@TRANSFORMS.register_module()
class ResizeFeatures(BaseTransform):
    """Resize every video to one number of cells, linearly.

    The frames that any cell has seen, (T - 1) * stride + window of them, are
    shared out equally: ``feat_stride`` and ``feat_num_frames`` both become
    that number / ``length``, the published rule.

    Note:
        The interpolation places cell t of the result at the share
        x = (t + 0.5) / ``length`` of the T cells, which keeps its place in
        time only if window = stride, as for TSP features. Otherwise the
        published rule puts it (window - stride) * (x - 0.5) frames later
        than what it shows: half a window less half a stride at the ends of
        the video, nothing in its middle. Training and testing agree in this,
        and an action comes back from the grid where it was.

    Required Keys:

    - feats (ndarray): (T, C) float32
    - feat_stride, feat_num_frames

    Modified Keys:

    - feats, feat_stride, feat_num_frames

    Args:
        length (int): Cells of the result.
        only_longer (bool): Leave videos of up to ``length`` cells as they
            are. Defaults to False.

    Raises:
        ValueError: If ``length`` is below 1.
    """

    def __init__(self, length: int, only_longer: bool = False) -> None:
        check_at_least('length', length)
        self.length = length
        self.only_longer = only_longer

    def transform(self, results: dict) -> dict:
        """Resize a video.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The same dict.
        """
        feats = results['feats']
        if self.only_longer and len(feats) <= self.length:
            return results
        frames = ((len(feats) - 1) * results['feat_stride'] +
                  results['feat_num_frames'])
        results['feats'] = resize_linear(feats, self.length)
        results['feat_stride'] = frames / self.length
        results['feat_num_frames'] = frames / self.length
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(length={self.length}, '
                f'only_longer={self.only_longer})')


@TRANSFORMS.register_module()
class SpreadFeatures(BaseTransform):
    """Spread the cells of a video equally over its duration.

    For features that were stored with a fixed number of cells whatever the
    length of the video, such as the 100 of BMN's. The dataset then has
    ``feat_stride=None`` and ``feat_num_frames=None``.

    Required Keys:

    - video_id
    - feats (ndarray): (T, C)
    - duration, fps

    Modified Keys:

    - feat_stride, feat_num_frames: ``duration`` * ``fps`` / T frames each
    """

    def transform(self, results: dict) -> dict:
        """Set the frames between two cells, and those a cell has seen.

        Args:
            results (dict): Result dict.

        Returns:
            dict: The same dict.

        Raises:
            ValueError: If the duration is unknown.
        """
        duration = results['duration']
        if not math.isfinite(duration):
            raise ValueError(
                f"duration of video {results['video_id']!r} must be known to "
                'spread its features, but the annotation file has none')
        frames = duration * results['fps'] / len(results['feats'])
        results['feat_stride'] = frames
        results['feat_num_frames'] = frames
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
