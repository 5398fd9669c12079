from typing import Sequence

import torch
from mmaction.structures import ActionDataSample
from mmcv.transforms import BaseTransform
from mmengine.structures import InstanceData

from dyfadet_mm.registry import TRANSFORMS
from dyfadet_mm.structures import grid_to_seconds


@TRANSFORMS.register_module()
class PackTADInputs(BaseTransform):
    """Pack features and actions as the model takes them.

    Required Keys:

    - feats (ndarray): (T, C)
    - segments (ndarray, optional): feature grid, (N, 2)
    - labels (ndarray, optional): (N, )
    - segments_s, labels_s (ndarray, optional): ground truth in seconds
    - every key of ``meta_keys``

    Returned Keys:

    - inputs (Tensor): (C, T) float32
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
        # PyTorch transposes several times faster than NumPy
        inputs = torch.from_numpy(results['feats']).t().contiguous()  # (C, T)
        return dict(inputs=inputs, data_samples=data_sample)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'
