import math
from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS, TASK_UTILS
from dyfadet_mm.utils.checks import check_num_levels
from dyfadet_mm.utils.typing import (ConfigType, InstanceList, LossDict,
                                     OptMultiConfig, TensorTuple)
from ..layers import MaskedConv1d, PackedCells, ScalarScale, compute_dtype
from ..task_modules import Points


class LevelProposals(NamedTuple):
    """What the head says about one level of one video."""

    #: Segments on the feature grid, (T_l, 2), or (T_l, A, 2) where every
    #: class has its own.
    segments: Tensor
    #: Score of every class, zero on padding, (T_l, A).
    scores: Tensor


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
    padding; with ``ignore_padding = True`` the grid ends with the video.

    Args:
        tower (dict): :class:`PackedModule` that maps the cells of all levels
            to features; it receives ``in_channels``, ``out_channels``,
            ``num_layers`` (D - 1) and ``kernel_size`` from here.
        num_classes (int): A, number of classes.
        in_channels (int): Channels of the neck's levels.
        feat_channels (int): Channels of the towers.
        num_layers (int): D: D - 1 layers in each tower and the final
            convolution. Defaults to 3.
        kernel_size (int): Odd kernel of all convolutions. Defaults to 3.
        regression_ranges (Sequence[tuple[float, float]]): See
            :class:`PointGenerator`.
        assigner (dict): Gives points their targets.
        coder (dict): Segments from offsets and back.
        loss_cls (dict): Classification loss.
        loss_reg (dict): Regression loss.
        loss_normalizer (dict): Divisor of both losses.
        balance_losses (bool): Scale the regression loss to the size of the
            classification loss. Defaults to False.
        label_smoothing (float): Share of the target spread over all classes.
            Defaults to 0.
        prior_prob (float): Class probability at the start. Defaults to 0.01.
        empty_classes (Sequence[int]): Classes without training data, which
            start at a probability of 1e-6. Defaults to ().
        mask_outputs (bool): Whether logits and offsets are zero on padding,
            where they count for nothing. Defaults to True, as published;
            OpenTAD leaves there what the final convolutions give.
        reg_weight (str): How often a point with several classes counts in
            the regression: ``'labels'``, once per class, or ``'points'``,
            once, as in ActionFormer. Defaults to ``'labels'``.
        init_cfg (dict | list[dict], optional): Initialisation.

    Raises:
        ValueError: If ``num_layers`` or ``num_classes`` is below 1, or
            ``reg_weight`` is unknown.
    """

    def __init__(self,
                 tower: ConfigType,
                 num_classes: int,
                 in_channels: int,
                 feat_channels: int,
                 num_layers: int = 3,
                 kernel_size: int = 3,
                 regression_ranges: Sequence[Tuple[float,
                                                   float]] = ((0, 4), (4, 8),
                                                              (8, 16),
                                                              (16, 32), (32,
                                                                         64),
                                                              (64, 10000)),
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
                 mask_outputs: bool = True,
                 reg_weight: str = 'labels',
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        if num_classes < 1 or num_layers < 1:
            raise ValueError('num_classes and num_layers must be positive, '
                             f'but got {num_classes} and {num_layers}')
        if reg_weight not in ('labels', 'points'):
            raise ValueError("reg_weight must be 'labels' or 'points', but "
                             f'got {reg_weight!r}')
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.kernel_size = kernel_size
        self.ignore_padding = False
        self.balance_losses = balance_losses
        self.label_smoothing = label_smoothing
        self.prior_prob = prior_prob
        self.empty_classes = list(empty_classes)
        self.mask_outputs = mask_outputs
        self.reg_weight = reg_weight

        self.points = TASK_UTILS.build(
            dict(
                type='dyfadet_mm.PointGenerator',
                regression_ranges=regression_ranges))
        self.assigner = TASK_UTILS.build(assigner)
        self.coder = TASK_UTILS.build(coder)
        self.loss_cls = MODELS.build(loss_cls)
        self.loss_reg = MODELS.build(loss_reg)
        self.loss_normalizer = MODELS.build(loss_normalizer)

        self._tower = dict(
            in_channels=in_channels,
            out_channels=feat_channels,
            num_layers=num_layers - 1,
            **tower)
        self.cls_tower = self._build_tower(kernel_size)
        self.reg_tower = self._build_tower(kernel_size)
        width = feat_channels if num_layers > 1 else in_channels
        self.conv_cls = MaskedConv1d(width, num_classes, kernel_size)
        self.conv_reg = MaskedConv1d(width, 2, kernel_size)
        self.scales = ModuleList(ScalarScale() for _ in range(self.num_levels))

    def _build_tower(self, kernel_size: int) -> nn.Module:
        """One more tower with this kernel."""
        return MODELS.build(dict(self._tower, kernel_size=kernel_size))

    @property
    def num_levels(self) -> int:
        """int: Levels of the pyramid, one per regression range."""
        return self.points.num_levels

    @property
    def reach(self) -> int:
        """int: How far behind the last valid cell a branch may look."""
        return self.kernel_size - 1

    def init_weights(self) -> None:
        """Start every class at its prior probability."""
        nn.init.constant_(self.conv_cls.bias, logit(self.prior_prob))
        self.lower_classes(self.empty_classes)
        nn.init.zeros_(self.conv_reg.bias)
        super().init_weights()

    def lower_classes(self, labels: Sequence[int]) -> None:
        """Start classes without training data at a probability of 1e-6.

        Args:
            labels (Sequence[int]): Their labels.
        """
        with torch.no_grad():
            self.conv_cls.bias[list(labels)] = logit(1e-6)

    def forward(self, feats: TensorTuple,
                masks: TensorTuple) -> Tuple[TensorTuple, ...]:
        """Run both branches.

        Args:
            feats (tuple[Tensor]): Features of every level, (B, C, T_l).
            masks (tuple[Tensor]): Valid cells, (B, 1, T_l).

        Returns:
            tuple: Class logits (B, A, T_l) and offsets (left, right) in
            strides (B, 2, T_l) of every level; then what further branches of
            a subclass give.

        Raises:
            ValueError: If there are not as many levels as regression ranges.
        """
        check_num_levels(feats, self.num_levels,
                         'number of regression_ranges of the head')
        cells = PackedCells(masks, self.reach, self.ignore_padding)
        x = cells.pack(feats)
        rows = self._branches(x.to(compute_dtype(x)), cells)
        sizes = [branch.size(1) for branch in rows]
        levels = [x.split(sizes, 1) for x in cells.unpack(torch.cat(rows, 1))]
        cls_logits, offsets, *others = zip(*levels)
        if not self.mask_outputs:
            cls_logits = _add_bias(cls_logits, self.conv_cls)
            offsets = _add_bias(offsets, self.conv_reg)
        offsets = tuple(
            scale(x).relu() for scale, x in zip(self.scales, offsets))
        return (cls_logits, offsets, *others)

    def _branches(self, x: Tensor, cells: PackedCells) -> List[Tensor]:
        """Outputs of the branches as rows, (N, A) and (N, 2)."""
        return [
            self._branch(self.cls_tower, self.conv_cls, x, cells),
            self._branch(self.reg_tower, self.conv_reg, x, cells)
        ]

    def _branch(self, tower: nn.Module, conv: MaskedConv1d, x: Tensor,
                cells: PackedCells) -> Tensor:
        """Tower and final convolution of rows, (N, C) to (N, C_out).

        Without a mask the bias is left to :meth:`forward`, since cells that
        are not among the rows get it too.
        """
        x = tower.forward_rows(x, cells)
        if self.mask_outputs:
            return conv.forward_rows(x, cells)
        return F.conv1d(x.t()[None], conv.weight, padding=conv.padding)[0].t()

    def loss(self, feats: TensorTuple, masks: TensorTuple,
             batch_gt_instances: InstanceList) -> LossDict:
        """Forward and compute the losses.

        Args:
            feats (tuple[Tensor]): Features of every level, (B, C, T_l).
            masks (tuple[Tensor]): Valid cells, (B, 1, T_l).
            batch_gt_instances (list[InstanceData]): For each video,
                ``segments`` (N, 2) on the feature grid and ``labels`` (N,).

        Returns:
            dict[str, Tensor]: ``loss_cls`` and ``loss_reg``, scalars.
        """
        return self.loss_by_feat(*self(feats, masks), masks,
                                 batch_gt_instances)

    def get_targets(self, points: Points,
                    batch_gt_instances: InstanceList) -> Tuple[Tensor, Tensor]:
        """Targets of every point of every video.

        Args:
            points (Points): P points of all levels.
            batch_gt_instances (list[InstanceData]): See :meth:`loss`.

        Returns:
            tuple[Tensor, Tensor]: Multi-hot classes (B, P, A) and offsets in
            strides (B, P, 2), of no meaning for negative points.
        """
        labels, offsets = [], []
        for gt in batch_gt_instances:
            target = self.assigner.assign(points, gt.segments, gt.labels,
                                          self.num_classes)
            labels.append(target.labels)
            offsets.append(self.coder.encode(points, target.segments))
        return torch.stack(labels), torch.stack(offsets)

    def loss_by_feat(self, cls_logits: TensorTuple, offsets: TensorTuple,
                     masks: TensorTuple,
                     batch_gt_instances: InstanceList) -> LossDict:
        """Compute the losses from the outputs of :meth:`forward`.

        Both sums are divided by the running number of positive points.

        Args:
            cls_logits (tuple[Tensor]): Class logits, (B, A, T_l).
            offsets (tuple[Tensor]): Offsets in strides, (B, 2, T_l).
            masks (tuple[Tensor]): Valid cells, (B, 1, T_l).
            batch_gt_instances (list[InstanceData]): See :meth:`loss`.

        Returns:
            dict[str, Tensor]: ``loss_cls`` and ``loss_reg``, scalars.
        """
        targets = self.batch_targets(masks, batch_gt_instances)
        divisor = self.loss_normalizer(targets.positive.sum())
        loss_cls = self._classification_loss(cls_logits, targets, divisor)
        loss_reg = self._regression_loss(offsets, targets, divisor)
        return self._balance(loss_cls, loss_reg)

    def batch_targets(self, masks: TensorTuple,
                      batch_gt_instances: InstanceList) -> PointTargets:
        """Targets of all points, the P of all levels in one row.

        Args:
            masks (tuple[Tensor]): Valid cells, (B, 1, T_l).
            batch_gt_instances (list[InstanceData]): See :meth:`loss`.

        Returns:
            PointTargets: Of every point of every video.
        """
        valid = torch.cat(masks, 2)[:, 0]  # (B, P)
        points = Points.cat(
            self.points([mask.size(2) for mask in masks], valid.device))
        return PointTargets(*self.get_targets(points, batch_gt_instances),
                            valid)

    def _classification_loss(self,
                             cls_logits: TensorTuple,
                             targets: PointTargets,
                             divisor: Tensor,
                             weight: Optional[Tensor] = None) -> Tensor:
        """Loss of the logits of every level, ``weight`` is (B, P, A)."""
        logits = torch.cat(cls_logits, 2).transpose(1, 2).float()  # (B, P, A)
        valid, soft = targets.valid, self.label_smoothing
        labels = targets.labels * (1 - soft) + soft / (self.num_classes + 1)
        return self.loss_cls(
            logits[valid],
            labels[valid],
            weight=None if weight is None else weight[valid],
            avg_factor=divisor)

    def _regression_loss(self, offsets: TensorTuple, targets: PointTargets,
                         divisor: Tensor) -> Tensor:
        """Loss of the offsets of every level, (B, 2, T_l) each."""
        positive = targets.positive
        offsets = torch.cat(offsets, 2).transpose(1, 2).float()  # (B, P, 2)
        weight = None
        if self.reg_weight == 'labels':
            weight = targets.labels.sum(2)[positive]
        return self.loss_reg(
            offsets[positive],
            targets.offsets[positive],
            weight=weight,
            avg_factor=divisor)

    def _balance(self, loss_cls: Tensor, loss_reg: Tensor) -> LossDict:
        """Scale the regression loss if asked to, and name both."""
        if self.balance_losses:
            scales = torch.stack((loss_cls, loss_reg)).detach()
            all_reduce(scales, op='mean')  # one factor for all processes
            loss_reg = loss_reg * scales[0] / scales[1].clamp(min=0.01)
        return dict(loss_cls=loss_cls, loss_reg=loss_reg)

    def predict(self, feats: TensorTuple,
                masks: TensorTuple) -> List[List[LevelProposals]]:
        """Forward and decode.

        Args:
            feats (tuple[Tensor]): Features of every level, (B, C, T_l).
            masks (tuple[Tensor]): Valid cells, (B, 1, T_l).

        Returns:
            list[list[LevelProposals]]: For each video and each level.
        """
        return self.predict_by_feat(*self(feats, masks), masks)

    def predict_by_feat(self, cls_logits: TensorTuple, offsets: TensorTuple,
                        masks: TensorTuple) -> List[List[LevelProposals]]:
        """Decode the outputs of :meth:`forward`.

        Args:
            cls_logits (tuple[Tensor]): Class logits, (B, A, T_l).
            offsets (tuple[Tensor]): Offsets in strides, (B, 2, T_l), or
                (B, 2, T_l, A) where every class has its own.
            masks (tuple[Tensor]): Valid cells, (B, 1, T_l).

        Returns:
            list[list[LevelProposals]]: For each video and each level.
        """
        mlvl_points = self.points([mask.size(2) for mask in masks],
                                  masks[0].device)
        videos = []
        for video in range(masks[0].size(0)):
            levels = []
            for points, logit, offset, mask in zip(mlvl_points, cls_logits,
                                                   offsets, masks):
                segments = self.coder.decode(
                    points, offset[video].float().movedim(0, -1))
                scores = logit[video].float().sigmoid() * mask[video]
                levels.append(LevelProposals(segments, scores.t()))
            videos.append(levels)
        return videos


def _add_bias(levels: TensorTuple, conv: MaskedConv1d) -> TensorTuple:
    """Add the bias of a convolution everywhere, (B, C, T_l)."""
    return tuple(x + conv.bias[:, None] for x in levels)


def logit(prob: float) -> float:
    """Inverse of the sigmoid."""
    return math.log(prob / (1 - prob))
