from typing import Dict, List, Tuple, Union

import torch
from mmengine.model import BaseModel
from torch import Tensor

from dyfadet_mm.registry import MODELS, TASK_UTILS
from dyfadet_mm.utils.typing import (ConfigType, LossDict, OptConfigType,
                                     OptMultiConfig, OptSampleList, SampleList,
                                     TensorTuple)


@MODELS.register_module()
class SingleStageTAD(BaseModel):
    """One-stage temporal action detector: encoder, neck, head.

    Args:
        backbone (dict): Encoder, (features, mask) to a pyramid.
        neck (dict, optional): Maps the pyramid to the head's. Defaults to
            None.
        head (dict): Detection head.
        postprocessor (dict): Proposals to detections in seconds. Defaults to
            ``SegmentPostprocessor``.
        score_fusion (dict, optional): External class scores for class-agnostic
            detectors, see :class:`ScoreFusion`. Defaults to None.
        data_preprocessor (dict): Padding of batches. Defaults to
            ``TADDataPreprocessor``.
        init_cfg (dict | list[dict], optional): Initialisation.
    """

    def __init__(self,
                 backbone: ConfigType,
                 head: ConfigType,
                 neck: OptConfigType = None,
                 postprocessor: ConfigType = dict(
                     type='dyfadet_mm.SegmentPostprocessor'),
                 score_fusion: OptConfigType = None,
                 data_preprocessor: ConfigType = dict(
                     type='dyfadet_mm.TADDataPreprocessor'),
                 init_cfg: OptMultiConfig = None) -> None:
        if isinstance(data_preprocessor, dict):
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = None if neck is None else MODELS.build(neck)
        self.head = MODELS.build(head)
        self.postprocessor = TASK_UTILS.build(postprocessor)
        self.score_fusion = None
        if score_fusion is not None:
            self.score_fusion = TASK_UTILS.build(score_fusion)

    def extract_feat(self, inputs: Tensor,
                     masks: Tensor) -> Tuple[TensorTuple, TensorTuple]:
        """Compute the pyramid that the head reads.

        Args:
            inputs (Tensor): Video features, zero on padding, (B, C, T).
            masks (Tensor): Valid cells, (B, 1, T) bool.

        Returns:
            tuple: Features (B, C, T_l) and masks (B, 1, T_l) of every level.
        """
        feats, masks = self.backbone(inputs, masks)
        if self.neck is not None:
            feats, masks = self.neck(feats, masks)
        return feats, masks

    def forward(
        self,
        inputs: Tensor,
        data_samples: OptSampleList = None,
        mode: str = 'tensor'
    ) -> Union[LossDict, SampleList, Tuple[TensorTuple, TensorTuple]]:
        """MMEngine's entry point.

        Args:
            inputs (Tensor): Batch from the data preprocessor, (B, C, T).
            data_samples (Sequence[BaseDataElement], optional): One per video.
                Without them, or without ``feat_len`` in their metainfo, all
                cells are valid.
            mode (str): ``'loss'``, ``'predict'`` or ``'tensor'``.

        Returns:
            dict | Sequence | tuple: Losses; data samples with
            ``pred_instances``; class logits and offsets of every level.

        Raises:
            ValueError: If ``mode`` is unknown.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self._forward(inputs, data_samples)
        raise ValueError("mode must be 'loss', 'predict' or 'tensor', "
                         f'but got {mode!r}')

    def _forward(
            self,
            inputs: Tensor,
            data_samples: OptSampleList = None
    ) -> Tuple[TensorTuple, TensorTuple]:
        """Raw outputs of the head, see :meth:`forward`."""
        masks = valid_cells(inputs, data_samples)
        return self.head(*self.extract_feat(inputs, masks))

    def loss(self, inputs: Tensor, data_samples: SampleList) -> LossDict:
        """Compute the losses of a batch.

        Args:
            inputs (Tensor): Video features, (B, C, T).
            data_samples (Sequence[BaseDataElement]): With ``gt_instances``:
                ``segments`` (N, 2) on the feature grid and ``labels`` (N,).

        Returns:
            dict[str, Tensor]: ``loss_cls`` and ``loss_reg``.
        """
        masks = valid_cells(inputs, data_samples)
        feats, masks = self.extract_feat(inputs, masks)
        return self.head.loss(feats, masks,
                              [sample.gt_instances for sample in data_samples])

    def predict(self, inputs: Tensor, data_samples: SampleList) -> SampleList:
        """Detect in a batch, each video as if it were alone.

        The encoder's statistics cover padding, so videos are computed
        together only where they would be padded to the same length alone.

        Args:
            inputs (Tensor): Video features, (B, C, T).
            data_samples (Sequence[BaseDataElement]): One per video, with the
                metainfo ``video_id``, ``duration``, ``fps``, ``feat_stride``
                and ``feat_num_frames``.

        Returns:
            Sequence[BaseDataElement]: The same with ``pred_instances``:
            ``segments`` (N, 2) in seconds, ``scores`` and ``labels`` (N,),
            best first.
        """
        masks = valid_cells(inputs, data_samples)
        for length, videos in _same_length(data_samples, inputs).items():
            feats, mlvl_masks = self.extract_feat(inputs[videos, :, :length],
                                                  masks[videos, :, :length])
            for video, levels in zip(videos,
                                     self.head.predict(feats, mlvl_masks)):
                sample = data_samples[video]
                detections = self.postprocessor(levels, sample.metainfo)
                if self.score_fusion is not None:
                    detections = self.score_fusion(detections, sample.video_id)
                sample.pred_instances = detections
        return data_samples


def valid_cells(inputs: Tensor, data_samples: OptSampleList) -> Tensor:
    """Mask of the cells that belong to the videos.

    Args:
        inputs (Tensor): Video features, (B, C, T).
        data_samples (Sequence[BaseDataElement], optional): With ``feat_len``
            in their metainfo.

    Returns:
        Tensor: Valid cells, (B, 1, T) bool.
    """
    total = inputs.size(2)
    lengths = [sample.get('feat_len', total) for sample in data_samples or ()]
    lengths = torch.tensor(
        lengths or [total] * inputs.size(0), device=inputs.device)
    cells = torch.arange(total, device=inputs.device)
    return (cells < lengths[:, None])[:, None]


def _same_length(data_samples: SampleList,
                 inputs: Tensor) -> Dict[int, List[int]]:
    """Group the videos of a batch by the padded length they have alone."""
    groups: Dict[int, List[int]] = {}
    for video, sample in enumerate(data_samples):
        length = sample.get('padded_len', inputs.size(2))
        groups.setdefault(length, []).append(video)
    return groups
