from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

import torch
from mmcv.cnn import Scale
from mmengine.dist import all_reduce
from mmengine.model import BaseModule, ModuleList, bias_init_with_prob
from mmengine.structures import BaseDataElement, InstanceData
from torch import Tensor, nn

from dyfadet_mm.ops import compute_dtype
from dyfadet_mm.ops.host import detect_batch
from dyfadet_mm.registry import MODELS, TASK_UTILS
from dyfadet_mm.structures import (Cells, PackedPyramid, Padding, Pyramid,
                                   seconds_to_grid)
from dyfadet_mm.utils.checks import (check_at_least, check_choice,
                                     check_num_levels)
from dyfadet_mm.utils.typing import (ConfigType, InstanceList, Levels,
                                     LossDict, OptConfigType, OptMultiConfig,
                                     SampleList, TensorTuple)
from ..layers import MaskedConv1d, build_layer
from ..task_modules import PointGenerator

#: What MMDetection's necks and backbones give, or ours.
Features = Union[Pyramid, Sequence[Tensor]]
#: Of six levels, as published.
RANGES = ((0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10000))


class PointTargets(NamedTuple):
    """What all points of a batch have to predict."""

    #: Multi-hot classes, (B, P, A).
    labels: Tensor
    #: Offsets in strides, of no meaning for negative points, (B, P, 2).
    offsets: Tensor
    #: Points that are not padding, (B, P) bool.
    valid: Tensor

    @property
    def positive(self) -> Tensor:
        """Tensor: Valid points that have a class, (B, P) bool."""
        return self.labels.any(2) & self.valid


@MODELS.register_module()
class BaseTADHead(BaseModule):
    """Point-based detection head, shared by all levels.

    Two towers, one for classification and one for regression, feed a
    convolution each: class logits, and distances to both ends of the action
    in strides of the level. Outputs next to the end of a video read its
    padding, unless padding is ignored.

    It is a dense head as MMDetection has them, with segments in place of
    boxes: ``loss`` and ``predict`` take the features of all levels and the
    data samples. In a detector of MMDetection it ignores padding.

    Args:
        tower (dict): Maps the cells of all levels, (1, C, N) with their
            :class:`PackedPyramid`, to features; it receives ``in_channels``,
            ``out_channels``, ``num_layers`` (D - 1) and ``kernel_size``.
        num_classes (int): A, number of classes.
        in_channels (int): Channels of the neck's levels.
        feat_channels (int): Channels of the towers.
        num_layers (int): D, the final convolution included. Defaults to 3.
        kernel_size (int): Odd kernel of all convolutions. Defaults to 3.
        regression_ranges (Sequence[tuple[float, float]]): See
            :class:`PointGenerator`. Defaults to the six as published.
        point_offset (float): In cells, from their centres. Defaults to 0.
        assigner (dict): Gives points their targets.
        coder (dict): Segments from offsets and back.
        loss_cls (dict): Classification loss.
        loss_reg (dict): Regression loss.
        loss_normalizer (dict): Divisor of both losses.
        balance_losses (bool): Scale the regression loss to the size of the
            classification loss. Defaults to False.
        label_smoothing (float): Share spread over all classes. Defaults to 0.
        prior_prob (float): Class probability at the start. Defaults to 0.01.
        empty_classes (Sequence[int]): Classes without training data, which
            start at a probability of 1e-6. Defaults to ().
        reg_weight (str): How often a point with several classes counts in
            the regression: ``'labels'``, once per class, or ``'points'``,
            once, as in ActionFormer. Defaults to ``'labels'``.
        train_cfg (dict, optional): May hold an ``assigner``, which then
            takes the place of the one above. Defaults to None.
        test_cfg (dict, optional): Arguments of the postprocessor, which is a
            :class:`SegmentPostprocessor` without ``type``. Defaults to None.

    Raises:
        ValueError: If ``num_layers`` or ``num_classes`` is below 1, or
            ``reg_weight`` is unknown.
    """

    #: Channels of the regression branch.
    num_regression = 2

    def __init__(self,
                 tower: ConfigType,
                 num_classes: int,
                 in_channels: int,
                 feat_channels: int,
                 num_layers: int = 3,
                 kernel_size: int = 3,
                 regression_ranges: Sequence[Tuple[float, float]] = RANGES,
                 point_offset: float = 0.,
                 assigner: ConfigType = dict(
                     type='dyfadet_mm.PointSegmentAssigner'),
                 coder: ConfigType = dict(type='dyfadet_mm.SegmentCoder'),
                 loss_cls: ConfigType = dict(type='dyfadet_mm.FocalLoss'),
                 loss_reg: ConfigType = dict(type='dyfadet_mm.DIoULoss'),
                 loss_normalizer: ConfigType = dict(
                     type='dyfadet_mm.LossNormalizer'),
                 balance_losses: bool = False,
                 label_smoothing: float = 0.,
                 prior_prob: float = 0.01,
                 empty_classes: Sequence[int] = (),
                 reg_weight: str = 'labels',
                 train_cfg: OptConfigType = None,
                 test_cfg: OptConfigType = None,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        check_at_least('num_classes', num_classes)
        check_at_least('num_layers', num_layers)
        check_choice('reg_weight', reg_weight, ('labels', 'points'))
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.kernel_size = kernel_size
        self.balance_losses = balance_losses
        self.label_smoothing = label_smoothing
        self.prior_prob = prior_prob
        self.empty_classes = list(empty_classes)
        self.reg_weight = reg_weight

        self.points = PointGenerator(regression_ranges, point_offset)
        self.num_levels = self.points.num_levels
        #: How far behind the last valid cell a branch may look.
        self.reach = kernel_size - 1
        self.train_cfg, self.test_cfg = train_cfg, test_cfg
        train_cfg, test_cfg = train_cfg or {}, test_cfg or {}
        self.assigner = TASK_UTILS.build(train_cfg.get('assigner', assigner))
        postprocessor = dict(type='dyfadet_mm.SegmentPostprocessor')
        self.postprocessor = TASK_UTILS.build(dict(postprocessor, **test_cfg))
        self.coder = TASK_UTILS.build(coder)
        self.loss_cls = MODELS.build(loss_cls)
        self.loss_reg = MODELS.build(loss_reg)
        self.loss_normalizer = MODELS.build(loss_normalizer)

        self._tower_args = dict(
            in_channels=in_channels,
            out_channels=feat_channels,
            num_layers=num_layers - 1)
        self.cls_tower, self.reg_tower = (
            self._build_tower(tower, 'tower', kernel_size) for _ in range(2))
        width = feat_channels if num_layers > 1 else in_channels
        self.conv_cls = MaskedConv1d(width, num_classes, kernel_size)
        self.conv_reg = MaskedConv1d(width, self.num_regression, kernel_size)
        self.scales = ModuleList(Scale() for _ in range(self.num_levels))

    def _build_tower(self, cfg: ConfigType, setting: str,
                     kernel_size: int) -> nn.Module:
        """One more tower, of the config that stands under ``setting``."""
        return build_layer(
            cfg, setting, self, kernel_size=kernel_size, **self._tower_args)

    @property
    def class_convs(self) -> List[nn.Module]:
        """list[nn.Module]: Convolutions that give logits of the classes."""
        return [self.conv_cls]

    def init_weights(self) -> None:
        """Start every class at its prior probability."""
        for conv in self.class_convs:
            nn.init.constant_(conv.bias, bias_init_with_prob(self.prior_prob))
        self.lower_classes(self.empty_classes)
        nn.init.zeros_(self.conv_reg.bias)
        super().init_weights()

    def lower_classes(self, labels: Sequence[int]) -> None:
        """Start classes without training data at a probability of 1e-6."""
        with torch.no_grad():
            for conv in self.class_convs:
                conv.bias[list(labels)] = bias_init_with_prob(1e-6)

    def forward(self, x: Features) -> Tuple[TensorTuple, ...]:
        """Run both branches on features (B, C, T_l) of every level.

        Of a plain tuple, all cells are valid.

        Returns:
            tuple: Class logits (B, A, T_l) and offsets (left, right) in
            strides (B, 2, T_l) of every level; then those of further branches.

        Raises:
            ValueError: If there are not as many levels as regression ranges.
        """
        feats, levels = as_pyramid(x)
        check_num_levels(feats, self.num_levels,
                         'number of regression_ranges of the head')
        packed = PackedPyramid(levels, self.reach)
        x = packed.pack([cells.clean(x) for x, cells in zip(feats, levels)])
        branches = self._branches(x.to(compute_dtype(x)), packed)
        sizes = [branch.size(1) for branch in branches]
        outputs = packed.unpack(torch.cat(branches, 1))
        cls_logits, offsets, *others = zip(*(level.split(sizes, 1)
                                             for level in outputs))
        offsets = tuple(
            self.rectify(scale(x)) for scale, x in zip(self.scales, offsets))
        return (cls_logits, offsets, *others)

    def rectify(self, offsets: Tensor) -> Tensor:
        """What the regression branch ends in: distances are not negative."""
        return offsets.relu()

    def _branches(self, x: Tensor, packed: PackedPyramid) -> List[Tensor]:
        """Outputs of the branches, (1, A, N) and (1, 2, N)."""
        mask = packed.inside if packed.keeps_all else packed.mask
        return [
            self.conv_cls(self.cls_tower(x, packed), mask),
            self.conv_reg(self.reg_tower(x, packed), mask)
        ]

    def loss(self, x: Features, batch_data_samples: SampleList) -> LossDict:
        """Compute ``loss_cls`` and ``loss_reg`` of what :meth:`forward` takes.

        ``gt_instances`` of the samples have ``labels`` (N,) and ``segments``
        (N, 2) in seconds, or ``grid_segments`` (N, 2) on the feature grid,
        which are taken where both are given.
        """
        pyramid = as_pyramid(x, batch_data_samples)
        return self.loss_by_feat(*self(pyramid), pyramid.masks,
                                 list(map(on_grid, batch_data_samples)))

    def get_targets(self, masks: TensorTuple,
                    batch_gt_instances: InstanceList) -> PointTargets:
        """Targets of all points, see :meth:`loss_by_feat`."""
        valid = torch.cat(masks, 2)[:, 0]  # (B, P)
        points = self.points([mask.size(2) for mask in masks], valid.device)
        labels, offsets = [], []
        for gt in batch_gt_instances:
            target = self.assigner.assign(points, gt.grid_segments, gt.labels,
                                          self.num_classes)
            labels.append(target.labels)
            offsets.append(self.coder.encode(points, target.segments))
        return PointTargets(torch.stack(labels), torch.stack(offsets), valid)

    def loss_by_feat(self, cls_logits: TensorTuple, *outputs:
                     Sequence) -> LossDict:
        """:meth:`loss`, from the outputs of :meth:`forward`.

        They are followed by the masks of the valid cells, (B, 1, T_l), and by
        the actions of every video, ``grid_segments`` (N, 2) and ``labels``
        (N,).

        Note:
            Eq. (10) divides by the number of positive points of a batch, the
            published code by its running mean.
        """
        *regression, masks, batch_gt_instances = outputs
        targets = self.get_targets(masks, batch_gt_instances)
        divisor = self.loss_normalizer(targets.positive.sum())
        losses, weight = self._regression_loss(targets, divisor, *regression)
        loss_cls = self._classification_loss(cls_logits, targets, divisor,
                                             weight)
        return self._balance(dict(loss_cls=loss_cls, **losses))  # Eq. (10)

    def _classification_loss(self,
                             cls_logits: TensorTuple,
                             targets: PointTargets,
                             divisor: Tensor,
                             weight: Optional[Tensor] = None) -> Tensor:
        """Loss of the logits of every level, ``weight`` is (B, P, A)."""
        logits = torch.cat(cls_logits, 2).transpose(1, 2).float()  # (B, P, A)
        soft = self.label_smoothing
        labels = targets.labels * (1 - soft) + soft / (self.num_classes + 1)
        # padding has no weight: to leave it out, the host had to know where
        valid = targets.valid.to(logits)  # (B, P)
        if weight is not None:
            valid = weight * valid[..., None]
        logits, labels, valid = (
            x.flatten(0, 1) for x in (logits, labels, valid))
        return self.loss_cls(logits, labels, weight=valid, avg_factor=divisor)

    def _regression_loss(self, targets: PointTargets, divisor: Tensor,
                         offsets: TensorTuple) -> Tuple[LossDict, None]:
        """Loss of offsets, and no weights of the classification."""
        offsets = torch.cat(offsets, 2).transpose(1, 2).float()  # (B, P, 2)
        positive = targets.positive
        weight = positive.to(offsets)
        if self.reg_weight == 'labels':
            weight = weight * targets.labels.sum(2)
        # no overflow where there is nothing to regress, and no weight
        pred, goal = (
            torch.where(positive[..., None], x, 1.).flatten(0, 1)
            for x in (offsets, targets.offsets))
        loss_reg = self.loss_reg(
            pred, goal, weight=weight.flatten(), avg_factor=divisor)
        return dict(loss_reg=loss_reg), None

    def _balance(self, losses: LossDict) -> LossDict:
        """Scale the regression loss if asked to."""
        if self.balance_losses:
            scales = torch.stack(
                (losses['loss_cls'], losses['loss_reg'])).detach()
            all_reduce(scales, op='mean')  # one factor for all processes
            factor = scales[0] / scales[1].clamp(min=0.01)
            losses['loss_reg'] = losses['loss_reg'] * factor
        return losses

    def predict(self,
                x: Features,
                batch_data_samples: SampleList,
                rescale: bool = True) -> InstanceList:
        """Detect in what :meth:`forward` takes.

        The samples have the metainfo that the postprocessor takes. Detections
        of a video are ``segments`` (N, 2) in seconds, whatever ``rescale``
        says, ``scores`` and ``labels`` (N,), best first.
        """
        pyramid = as_pyramid(x, batch_data_samples)
        return self.predict_by_feat(
            *self(pyramid),
            pyramid.masks,
            batch_img_metas=[sample.metainfo for sample in batch_data_samples],
            rescale=rescale)

    def predict_by_feat(self,
                        *outputs: Sequence,
                        batch_img_metas: Sequence[dict],
                        rescale: bool = True) -> InstanceList:
        """:meth:`predict`, from what :meth:`decode_by_feat` takes."""
        return list(
            detect_batch(self.postprocessor, self.decode_by_feat(*outputs),
                         batch_img_metas))

    def to_offsets(self, offsets: TensorTuple) -> TensorTuple:
        """Offsets that :meth:`forward` gives behind the class logits.

        (left, right) in strides of every level, (B, 2, T_l), or
        (B, 2, T_l, A) where every class has its own.
        """
        return offsets

    def decode_by_feat(self, cls_logits: TensorTuple, *outputs:
                       TensorTuple) -> List[Levels]:
        """Decode the outputs of :meth:`forward`, for each video and level.

        They are followed by the masks of the valid cells, (B, 1, T_l), and
        scores are zero on all others.
        """
        *regression, masks = outputs
        lengths = [mask.size(2) for mask in masks]
        points = self.points(lengths, masks[0].device)
        # all levels at once, P points
        scores = torch.cat(cls_logits, 2).float().sigmoid()
        scores = (scores * torch.cat(masks, 2)).transpose(1, 2)  # (B, P, A)
        offsets = torch.cat(self.to_offsets(*regression), 2).float()
        offsets = offsets.movedim(1, -1)
        videos = []
        for offset, score in zip(offsets, scores):
            segments = self.coder.decode(points, offset)
            videos.append(
                list(zip(segments.split(lengths), score.split(lengths))))
        return videos


def on_grid(sample: BaseDataElement) -> InstanceData:
    """The actions of a video with ``grid_segments``, see :meth:`loss`."""
    gt = sample.gt_instances
    if 'grid_segments' not in gt:
        gt = gt.new()
        gt.grid_segments = seconds_to_grid(gt.segments, sample.fps,
                                           sample.feat_stride,
                                           sample.feat_num_frames)
    return gt


def as_pyramid(x: Features, batch_data_samples: SampleList = ()) -> Pyramid:
    """Features (B, C, T_l) of every level, with their cells.

    Of a plain tuple, padding counts for nothing, and the cells that
    ``feat_len`` of the samples' metainfo says are valid, or all.
    """
    if isinstance(x, Pyramid):
        return x
    return Pyramid.of(
        x, Cells.of_batch(x[0], batch_data_samples, Padding.IGNORED))
