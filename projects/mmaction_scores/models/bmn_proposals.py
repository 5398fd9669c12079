from typing import Tuple, Union

import torch
from mmaction.structures import ActionDataSample
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement, InstanceData
from torch import Tensor

from dyfadet_mm.registry import MODELS, TASK_UTILS
from dyfadet_mm.structures.segments import grid_to_seconds
from dyfadet_mm.utils.typing import (ConfigType, LossDict, OptConfigType,
                                     OptMultiConfig, OptSampleList, SampleList)

# a box off the video, so that no proposal and no boundary is near an action
NOWHERE = (-1., -1.)


@MODELS.register_module()
class BMNProposals(BaseModel):
    """MMAction2's BMN on the data sets and metrics of dyfadet_mm.

    It finds actions without their classes. ``ResizeFeatures`` in the
    pipelines brings every video to the number of cells that BMN has.

    Two faults of ``mmaction.BMN`` are met here: ``predict`` answers for the
    first video of a batch only, so it is asked for one at a time; and
    ``soft_nms`` returns a row more than asked for, which its own
    ``post_processing`` then cuts off.

    Args:
        bmn (dict): Config of ``mmaction.BMN``. Its state dict is that of
            MMAction2, with ``bmn.`` before each name.
        score_fusion (dict, optional): External class scores, see
            :class:`ScoreFusion`. Defaults to None: all labels are 0.
        data_preprocessor (dict): Defaults to ``TADDataPreprocessor``.
        init_cfg (dict | list[dict], optional): Initialisation.

    Reference:
        Lin et al., BMN, ICCV 2019.
    """

    def __init__(self,
                 bmn: ConfigType,
                 score_fusion: OptConfigType = None,
                 data_preprocessor: ConfigType = dict(
                     type='dyfadet_mm.TADDataPreprocessor'),
                 init_cfg: OptMultiConfig = None) -> None:
        if isinstance(data_preprocessor, dict):
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor, init_cfg)
        # positions are shares of the video, converted here, so that no
        # further rounding to an interval of frames is wanted
        self.bmn = MODELS.build(dict(bmn, feature_extraction_interval=1))
        self.score_fusion = None
        if score_fusion is not None:
            self.score_fusion = TASK_UTILS.build(score_fusion)

    def forward(
        self,
        inputs: Tensor,
        data_samples: OptSampleList = None,
        mode: str = 'tensor'
    ) -> Union[LossDict, SampleList, Tuple[Tensor, Tensor, Tensor]]:
        """MMEngine's entry point.

        Args:
            inputs (Tensor): Batch from the data preprocessor, (B, C, T).
            data_samples (Sequence[BaseDataElement], optional): One per video.
            mode (str): ``'loss'``, ``'predict'`` or ``'tensor'``.

        Returns:
            dict | Sequence | tuple: Losses; data samples with
            ``pred_instances``; scores of proposals (B, 2, T, T), starts
            (B, T) and ends (B, T).

        Raises:
            ValueError: If ``mode`` is unknown, or the features are not of
                the sizes of the model.
        """
        expected = (self.bmn.feat_dim, self.bmn.tscale)
        if tuple(inputs.shape[1:]) != expected:
            raise ValueError(
                'inputs must have model.bmn.feat_dim channels and '
                f'model.bmn.temporal_dim cells, {expected}, but got '
                f'{tuple(inputs.shape[1:])}; dict(type="ResizeFeatures", '
                'length=...) in the pipelines and max_seq_len of the data '
                'preprocessor set the cells')
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.bmn._forward(inputs)
        raise ValueError("mode must be 'loss', 'predict' or 'tensor', "
                         f'but got {mode!r}')

    def loss(self, inputs: Tensor, data_samples: SampleList) -> LossDict:
        """Compute the loss of a batch.

        Args:
            inputs (Tensor): Video features, (B, C, T).
            data_samples (Sequence[BaseDataElement]): With ``gt_instances``:
                ``grid_segments`` (N, 2) on the feature grid.

        Returns:
            dict[str, Tensor]: ``loss``, the sum of BMN's three.
        """
        targets = [
            ActionDataSample(
                gt_instances=InstanceData(gt_bbox=self._shares(sample)))
            for sample in data_samples
        ]
        return self.bmn.loss(inputs, targets)

    def _shares(self, sample: BaseDataElement) -> Tensor:
        """Actions as shares of the video, at least one, (N, 2)."""
        segments = sample.gt_instances.grid_segments
        if not len(segments):
            return segments.new_tensor([NOWHERE])
        # cell t covers the frames from t to t + 1 cells, t + 0.5 its centre
        return (segments + 0.5) / self.bmn.tscale

    def predict(self, inputs: Tensor, data_samples: SampleList) -> SampleList:
        """Propose segments in a batch, each video alone.

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
        # of length 1, so that BMN answers with shares of the video
        unit = dict(duration_frame=1, duration_second=1.)
        for feats, sample in zip(inputs, data_samples):
            alone = ActionDataSample(
                metainfo=dict(unit, video_name=sample.video_id))
            answer = self.bmn.predict(feats[None], [alone])[0]
            proposals = self._to_instances(answer['proposal_list'], sample)
            if self.score_fusion is not None:
                proposals = self.score_fusion(proposals, sample.video_id)
            sample.pred_instances = proposals.to(inputs.device)
        return data_samples

    def _to_instances(self, proposals: list,
                      sample: BaseDataElement) -> InstanceData:
        """Proposals of one video in seconds, with label 0."""
        shares = torch.tensor([each['segment'] for each in proposals])
        segments = grid_to_seconds(shares * self.bmn.tscale - 0.5, sample.fps,
                                   sample.feat_stride, sample.feat_num_frames,
                                   sample.duration)
        return InstanceData(
            segments=segments.float(),
            scores=torch.tensor([each['score'] for each in proposals]),
            labels=torch.zeros(len(segments), dtype=torch.int64))
