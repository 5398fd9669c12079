import math
from typing import Sequence

import numpy as np
import torch
from mmaction.structures import ActionDataSample
from mmcv.transforms import BaseTransform
from mmengine.structures import InstanceData

from dyfadet_mm.registry import TRANSFORMS
from dyfadet_mm.structures import grid_to_seconds


@TRANSFORMS.register_module()
class PackTADInputs(BaseTransform):
    """Pack features or frames, and actions, as the model takes them.

    Required Keys:

    - feats (ndarray): (T, C); with ``imgs``, indices of frames (T, k)
    - imgs (Sequence[ndarray] | ndarray, optional): T k frames in RGB, uint8,
      (H, W, 3), or what MMAction2's ``FormatShape`` makes of them in the
      format NCTHW
    - segments (ndarray, optional): feature grid, (N, 2)
    - labels (ndarray, optional): (N, )
    - segments_s, labels_s (ndarray, optional): ground truth in seconds
    - every key of ``meta_keys``

    Returned Keys:

    - inputs (Tensor): features (C, T) float32, or frames (3, T, k, H, W)
      uint8
    - data_samples (ActionDataSample): ``gt_instances`` with ``segments``
      (N, 2) in seconds of these features, ``grid_segments`` (N, 2) on the
      feature grid and ``labels`` (N, ), where there are any;
      metainfo with ``meta_keys`` and, where ``segments_s`` is given, the
      untouched ground truth of the whole video for evaluation:
      ``gt_segments`` (N, 2) float64 in seconds and ``gt_labels`` (N, ),
      tensors that stay on the CPU.

    Args:
        meta_keys (Sequence[str]): Keys stored as metainfo.
    """

    def __init__(
        self,
        meta_keys: Sequence[str] = ('video_id', 'duration', 'fps',
                                    'feat_stride', 'feat_num_frames')
    ) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack one video.

        Args:
            results (dict): Result dict.

        Returns:
            dict: ``inputs`` and ``data_samples``.

        Raises:
            KeyError: If a key of ``meta_keys`` is missing.
            TypeError: If frames are not uint8.
            ValueError: If they are not as many as they should be.
        """
        missing = [key for key in self.meta_keys if key not in results]
        if missing:
            raise KeyError(f'results must have the meta_keys {missing}, but '
                           f'got {sorted(results)}')
        metainfo = {key: results[key] for key in self.meta_keys}
        if 'segments_s' in results:
            # torch.compile cannot copy the metainfo if it has NumPy arrays
            metainfo['gt_segments'] = torch.from_numpy(results['segments_s'])
            metainfo['gt_labels'] = torch.from_numpy(results['labels_s'])
        data_sample = ActionDataSample(metainfo=metainfo)
        if 'segments' in results:
            segments = torch.as_tensor(
                results['segments'], dtype=torch.float32)
            data_sample.gt_instances = InstanceData(
                segments=grid_to_seconds(segments, results['fps'],
                                         results['feat_stride'],
                                         results['feat_num_frames']),
                grid_segments=segments,
                labels=torch.as_tensor(results['labels'], dtype=torch.int64))
        if 'imgs' in results:
            inputs = _pack_frames(results)
        else:  # PyTorch transposes several times faster than NumPy
            inputs = torch.from_numpy(results['feats']).t().contiguous()
        return dict(inputs=inputs, data_samples=data_sample)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'


def _pack_frames(results: dict) -> torch.Tensor:
    """Frames of cells, (3, T, k, H, W)."""
    name, cells = results['video_id'], results['feats'].shape  # (T, k)
    imgs = np.asarray(results['imgs'])
    if imgs.ndim == 4:
        imgs = imgs.transpose(3, 0, 1, 2)  # (3, N, H, W)
    else:
        imgs = imgs.squeeze(0)  # of NCTHW
    if imgs.dtype != np.uint8:
        raise TypeError(
            f'frames of video {name!r} must be uint8, as the frame encoder '
            f'normalises them, but got {imgs.dtype}; leave out the step that '
            'makes them so')
    if imgs.shape[:2] != (3, math.prod(cells)):
        raise ValueError(
            f'frames of video {name!r} must be {math.prod(cells)} of 3 '
            f'colours, but got the shape {imgs.shape} (C, N, H, W); the file '
            'is cut off, or a step samples frames again')
    return torch.from_numpy(np.ascontiguousarray(imgs)).unflatten(1, cells)
