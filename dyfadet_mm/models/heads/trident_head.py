from typing import List, Optional, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.ops import is_traced
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells, offset_iou
from dyfadet_mm.structures.pyramid import to_device
from dyfadet_mm.utils.checks import check_at_least
from dyfadet_mm.utils.typing import (ConfigType, LossDict, OptConfigType,
                                     TensorTuple)
from ..layers import MaskedConv1d
from .base_tad_head import BaseTADHead, PointTargets
from .dyhead import dy_tower

#: Most (class, cell, bin) triples decoded at once, few enough for the cache.
MAX_BINS = 2**20


def expected_offsets(left: Tensor, right: Tensor) -> Tensor:
    """Expected distances to both ends, in cells, (..., 2).

    Of the logits of a start in the cells N to 0 before a point and of an end
    in the cells 0 to N behind it, (..., N + 1) each, in the order of time.
    """
    steps = torch.arange(left.size(-1), device=left.device, dtype=left.dtype)
    # not matrix products, which autocast would round
    return torch.stack(((left.softmax(-1) * steps.flip(0)).sum(-1),
                        (right.softmax(-1) * steps).sum(-1)), -1)


@MODELS.register_module()
class TridentHead(BaseTADHead):
    """Head that finds boundaries relative to each other.

    Two more branches give every cell logits of being the start and the end of
    an action of each class. A point's offsets are expectations over the N
    cells on either side, whose logits are those of the cell plus those of the
    bin it falls into, and so differ between classes. The boundary branches do
    not train the parts before the head.

    Args: Those of :class:`BaseTADHead`, of which ``reg_weight`` has no say:
        each class of a point has offsets of its own; and
        num_bins (int): N, cells that an offset spans at most. Defaults to 16.
        boundary_kernel_size (int): Odd kernel of the boundary branches.
            Defaults to 3.
        iou_weight_power (float): The classification loss of a positive is
            weighted by this power of the tIoU of its segment, through which
            it also trains the offsets. Defaults to 0.2.
        tower (dict): Of all four branches. Defaults to ``ConvTower``.
        boundary_tower (dict, optional): Of the boundaries; None: that above.
        rectify_bins (bool): Whether the logits of the bins end in a ReLU, as
            published. A bin that is below 0 at every cell has no gradient
            then and is lost, half of them in practice. Defaults to True.
        loss_dfl (dict, optional): Loss of the probabilities of the cells
            themselves, ``mmdet.DistributionFocalLoss``. Where one cell has
            all probability, the expectation has no slope and stays what it
            is; this loss has one. It is logged as ``loss_dfl``. Defaults to
            None.

    Raises:
        ValueError: If ``num_bins`` is below 1, or as :class:`BaseTADHead`.

    Reference:
        Shi et al., TriDet, CVPR 2023.
    """

    def __init__(self,
                 *args,
                 num_bins: int = 16,
                 boundary_kernel_size: int = 3,
                 iou_weight_power: float = 0.2,
                 tower: ConfigType = dict(type='dyfadet_mm.ConvTower'),
                 boundary_tower: OptConfigType = None,
                 rectify_bins: bool = True,
                 loss_dfl: OptConfigType = None,
                 **kwargs) -> None:
        check_at_least('num_bins', num_bins)
        self.num_regression = 2 * (num_bins + 1)
        super().__init__(tower, *args, **kwargs)
        self.num_bins = num_bins
        self.rectify_bins = rectify_bins
        self.loss_dfl = loss_dfl and MODELS.build(loss_dfl)
        self.reach = max(self.kernel_size, boundary_kernel_size) - 1
        self.iou_weight_power = iou_weight_power
        width = self.conv_reg.in_channels
        self.start_tower, self.end_tower = (
            self._build_tower(boundary_tower or tower, 'boundary_tower',
                              boundary_kernel_size) for _ in range(2))
        self.conv_start, self.conv_end = (
            MaskedConv1d(width, self.num_classes, boundary_kernel_size)
            for _ in range(2))

    def rectify(self, offsets: Tensor) -> Tensor:
        """What the logits of the bins end in."""
        return offsets.relu() if self.rectify_bins else offsets

    @property
    def class_convs(self) -> List[nn.Module]:
        """list[nn.Module]: See :class:`BaseTADHead`; boundaries as well."""
        return [self.conv_cls, self.conv_start, self.conv_end]

    def _branches(self, x: Tensor, packed: Cells) -> List[Tensor]:
        """Classes, bins, starts and ends, (1, A or 2 * (N + 1), N_cells)."""
        mask, detached = packed.mask, x.detach()
        return super()._branches(x, packed) + [
            self.conv_start(self.start_tower(detached, packed), mask),
            self.conv_end(self.end_tower(detached, packed), mask)
        ]

    def to_offsets(self, bins: TensorTuple, start_logits: TensorTuple,
                   end_logits: TensorTuple) -> TensorTuple:
        """Expected offsets of every class, (B, 2, T_l, A).

        Of bins (B, 2 * (N + 1), T_l), starts and ends (B, A, T_l).
        """
        num_bins, offsets = self.num_bins, []
        for level, start, end in zip(bins, start_logits, end_logits):
            level = level.float().transpose(1, 2)[:, None]
            left, right = level.chunk(2, -1)  # (B, 1, T, N + 1)
            start = F.pad(start.float(), (num_bins, 0))
            end = F.pad(end.float(), (0, num_bins))
            step = self.num_classes
            if not is_traced():
                step = max(MAX_BINS // max(level.numel(), 1), 1)
            parts = []
            for pair in zip(start.split(step, 1), end.split(step, 1)):
                before, behind = (x.unfold(2, num_bins + 1, 1) for x in pair)
                parts.append(  # (B, step, T, 2)
                    expected_offsets(before + left, behind + right))
            offsets.append(torch.cat(parts, 1).permute(0, 3, 2, 1))
        return tuple(offsets)

    def _regression_loss(self, targets: PointTargets, divisor: Tensor,
                         *outputs: TensorTuple) -> Tuple[LossDict, Tensor]:
        """Losses of bins and boundaries, and weights of the classification."""
        # a valid positive point and one of its classes are a pair, which
        # counts once here and in the classification by its tIoU, all else by 1
        pairs = (targets.labels * targets.valid[..., None]).nonzero(
            as_tuple=True)  # video, point and class, (M,) each
        logits = self._logits_of(pairs, *outputs)
        pred = expected_offsets(*logits)
        goal = targets.offsets[pairs[:2]]  # (M, 2)
        # the root of 0 would have no finite slope
        iou = offset_iou(pred, goal).clamp(min=1e-8)
        weight = torch.ones_like(targets.labels)  # (B, P, A)
        weight[pairs] = iou**self.iou_weight_power
        losses = dict(loss_reg=self.loss_reg(pred, goal, avg_factor=divisor))
        if self.loss_dfl is not None:
            left, right = logits
            losses['loss_dfl'] = self.loss_dfl(
                torch.cat((left.flip(1), right)),  # of 0 to N cells
                # a target lies between two of them
                goal.T.flatten().clamp(0, self.num_bins - 0.01),
                avg_factor=2 * divisor)
        return losses, weight

    def _logits_of(self, pairs: Tuple[Tensor, Tensor, Tensor],
                   bins: TensorTuple, start_logits: TensorTuple,
                   end_logits: TensorTuple) -> Tuple[Tensor, Tensor]:
        """Logits that :func:`expected_offsets` takes, of pairs."""
        video, point, label = pairs  # (M,) each, points of all levels
        num_bins = self.num_bins
        bins = torch.cat(bins, 2).transpose(1, 2).float()  # (B, P, ...)
        # levels in one row with N zeros around each, which boundaries read
        # outside; point p of level l is at p + (2 * l + 1) * N
        start, end = (
            torch.cat([F.pad(x.float(), (num_bins, num_bins))
                       for x in level], 2)
            for level in (start_logits, end_logits))
        sizes = [x.size(2) for x in start_logits]
        level = to_device(np.repeat(range(len(sizes)), sizes), point.device)
        position = point + (2 * level[point] + 1) * num_bins
        steps = torch.arange(num_bins + 1, device=point.device)
        behind = position[:, None] + steps  # (M, N + 1)
        before = behind - num_bins
        video_, label_ = video[:, None], label[:, None]
        left, right = bins[video, point].chunk(2, 1)
        return (start[video_, label_, before] + left,
                end[video_, label_, behind] + right)


@MODELS.register_module()
class DyTridentHead(TridentHead):
    """Boundary distributions of :class:`TridentHead` on dynamic towers.

    The towers of classes and bins are those of :class:`DyHead`, in the form
    that trains reliably: half-open gates, trained when shut; residual paths.

    Args: Those of :class:`TridentHead`, and of :class:`DyHead` without
        ``depth_act_cfg``. ``gate_bias`` defaults to 1.5, ``trains_shut`` and
        ``residual`` to True, ``boundary_tower`` to ``ConvTower``.
    """

    def __init__(self,
                 *args,
                 formation: str = 'c',
                 tau: float = 1.5,
                 gate_bias: Optional[float] = 1.5,
                 trains_shut: bool = True,
                 residual: bool = True,
                 norm_cfg: ConfigType = dict(),
                 boundary_tower: OptConfigType = dict(
                     type='dyfadet_mm.ConvTower'),
                 **kwargs) -> None:
        super().__init__(
            *args,
            tower=dy_tower(formation, tau, gate_bias, trains_shut, residual,
                           None, norm_cfg),
            boundary_tower=boundary_tower,
            **kwargs)
