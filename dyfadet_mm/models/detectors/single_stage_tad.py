from contextlib import nullcontext
from typing import ContextManager, Dict, List, Optional, Tuple, Union

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

    With ``pad_to='divisor'`` of the data preprocessor, every part that has
    an attribute ``ignore_padding`` is told so: the outputs of a video then
    depend neither on its padding nor on the rest of the batch.

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
        predict_dtype (str, optional): ``'bfloat16'`` or ``'float16'`` runs
            encoder and head of ``predict`` under autocast; decoding and NMS
            stay float32. Defaults to None, the dtype of the weights.
        init_cfg (dict | list[dict], optional): Initialisation.

    Raises:
        ValueError: If ``predict_dtype`` is none of these.
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
                 predict_dtype: Optional[str] = None,
                 init_cfg: OptMultiConfig = None) -> None:
        if predict_dtype not in (None, 'bfloat16', 'float16'):
            raise ValueError("predict_dtype must be None, 'bfloat16' or "
                             f"'float16', but got {predict_dtype!r}")
        if isinstance(data_preprocessor, dict):
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = None if neck is None else MODELS.build(neck)
        self.head = MODELS.build(head)
        self.postprocessor = TASK_UTILS.build(postprocessor)
        self.predict_dtype = predict_dtype
        self.score_fusion = None
        if score_fusion is not None:
            self.score_fusion = TASK_UTILS.build(score_fusion)
        pad_to = getattr(self.data_preprocessor, 'pad_to', None)
        self.ignore_padding = pad_to == 'divisor'
        if self.ignore_padding:
            for module in self.modules():
                if hasattr(module, 'ignore_padding'):
                    module.ignore_padding = True

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

        Where statistics of the encoder cover padding, videos are computed
        together only if they would be padded to the same length alone.

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
        for length, videos in self._groups(data_samples, inputs).items():
            with self._precision(inputs.device):
                feats, mlvl_masks = self.extract_feat(
                    inputs[videos, :, :length], masks[videos, :, :length])
                proposals = self.head.predict(feats, mlvl_masks)
            for video, levels in zip(videos, proposals):
                sample = data_samples[video]
                detections = self.postprocessor(levels, sample.metainfo)
                if self.score_fusion is not None:
                    detections = self.score_fusion(detections, sample.video_id)
                sample.pred_instances = detections
        return data_samples

    def _precision(self, device: torch.device) -> ContextManager:
        """What encoder and head of :meth:`predict` run under."""
        if self.predict_dtype is None:
            return nullcontext()
        return torch.autocast(device.type, getattr(torch, self.predict_dtype))

    def _groups(self, data_samples: SampleList,
                inputs: Tensor) -> Dict[int, List[int]]:
        """Videos that can be computed together, by their padded length."""
        total = inputs.size(2)
        if self.ignore_padding:
            return {total: list(range(len(data_samples)))}
        groups: Dict[int, List[int]] = {}
        for video, sample in enumerate(data_samples):
            length = sample.get('padded_len', total)
            groups.setdefault(length, []).append(video)
        return groups


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
