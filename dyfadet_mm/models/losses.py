from typing import Any, Callable, Optional

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn

from dyfadet_mm.ops.checks import check_number
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import offset_iou
from dyfadet_mm.utils.checks import check_share

__all__ = ['DIoULoss', 'FocalLoss', 'LossNormalizer']


class SummedLoss(nn.Module):
    """Weighted sum of a loss of every point, with MMDetection's arguments.

    Args:
        loss_weight (float): Factor of the loss. Defaults to 1.0.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def elements(self, pred: Tensor, target: Tensor) -> Tensor:
        """Loss of every point, (P,), or of every class of it, (P, A)."""
        raise NotImplementedError

    def forward(self,
                pred: Tensor,
                target: Tensor,
                weight: Optional[Tensor] = None,
                avg_factor: float = 1.) -> Tensor:
        """Compute the loss, a scalar, of P points.

        Predictions and targets are of one shape, (P, ...), weights those of
        points, (P,), or of every class of them, (P, A). ``avg_factor`` divides
        the sum, which is 0 and still attached to the graph if P is 0.
        """
        loss = self.elements(pred, target)
        if weight is not None:
            loss = loss * (
                weight if weight.dim() == loss.dim() else weight[:, None])
        return self.loss_weight * loss.sum() / avg_factor


@MODELS.register_module()
class FocalLoss(SummedLoss):
    """Summed sigmoid focal loss of logits (P, A) and targets in [0, 1].

    Args:
        alpha (float): Weight of the positive side. Defaults to 0.25.
        gamma (float): Exponent of the modulation. Defaults to 2.0.
        loss_weight (float): Factor of the loss. Defaults to 1.0.

    Reference:
        Lin et al., Focal Loss for Dense Object Detection, ICCV 2017.
    """

    def __init__(self,
                 alpha: float = 0.25,
                 gamma: float = 2.0,
                 loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        self.alpha = alpha
        self.gamma = gamma

    def elements(self, pred: Tensor, target: Tensor) -> Tensor:
        """Loss of every logit of independent classes, of any shape."""
        prob = pred.sigmoid()
        entropy = F.binary_cross_entropy_with_logits(
            pred, target, reduction='none')
        miss = prob * (1 - target) + (1 - prob) * target
        balance = self.alpha * target + (1 - self.alpha) * (1 - target)
        return balance * miss**self.gamma * entropy


@MODELS.register_module()
class DIoULoss(SummedLoss):
    """Summed distance-IoU loss of segments that share a point.

    ``1 - IoU + (distance of the centres / length of the hull)^2`` of offsets
    (left, right), not negative and in one unit, (P, 2). Unions and hulls are
    at least 1e-8.

    Args:
        loss_weight (float): Factor of the loss. Defaults to 1.0.

    Reference:
        Zheng et al., Distance-IoU Loss, AAAI 2020.
    """

    def elements(self, pred: Tensor, target: Tensor) -> Tensor:
        """Loss of every pair, (P,)."""
        hull = torch.maximum(pred, target).sum(1)
        shift = pred - target
        center = 0.5 * (shift[:, 1] - shift[:, 0])
        distance = center / hull.clamp(min=1e-8)
        return 1 - offset_iou(pred, target) + distance**2


@MODELS.register_module()
class LossNormalizer(nn.Module):
    """Running mean of the number of positive points.

    It moves in training mode alone. In distributed training it is that of all
    processes, and each one divides by its share, so that they train as one
    with a batch as large as all of theirs. The mean is a buffer, so that a
    resumed run goes on with it, with any number of processes, and float32
    whatever the model is converted to: float16 has no number above 65504, and
    none between 2048 and 2050. Checkpoints without it keep the initial value.

    Args:
        init_value (float): Value at the start, positive. Defaults to 100.
        momentum (float): Weight of the past, in [0, 1]. Defaults to 0.9.

    Raises:
        ValueError: If one of them is out of range.

    Attributes:
        num_positives (Tensor): Positive points of all processes in training
            since the module was made, scalar and float32. It is not saved;
            ``PositivesCheckHook`` reads it.
    """

    def __init__(self, init_value: float = 100., momentum: float = 0.9):
        super().__init__()
        value = check_number('init_value', init_value)
        check_number('momentum', momentum)
        limits = torch.finfo(torch.float32)
        if not limits.tiny <= value <= limits.max:
            raise ValueError('init_value must be a positive number, but got '
                             f'{init_value}')
        check_share('momentum', momentum)
        self.momentum = momentum
        self.register_buffer('value', torch.tensor(value, dtype=torch.float))
        # counted on the device of the model, so that nothing waits for it
        self.register_buffer(
            'num_positives',
            torch.zeros((), dtype=torch.float),
            persistent=False)

    @torch.no_grad()
    def forward(self, num_positives: Tensor) -> Tensor:
        """Update the mean, in training mode, by a batch of this process.

        Returns the divisor of the losses of this process, scalar. Their
        gradients are averaged over the processes.
        """
        if self.training:
            count = num_positives.to(self.value).clone()
            all_reduce(count, op='sum')
            self.num_positives.add_(count)
            self.value.mul_(self.momentum).add_(
                (1 - self.momentum) * count.clamp(min=1))
        return self.value / get_world_size()

    def _apply(self, fn: Callable[[Tensor], Tensor], *args: Any,
               **kwargs: Any) -> nn.Module:
        """Move to another device, and never to another type of number."""

        def move(buffer: Tensor) -> Tensor:
            moved = fn(buffer)
            same = moved.dtype == buffer.dtype
            return moved if same else buffer.to(moved.device)

        return super()._apply(move, *args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args,
                              **kwargs) -> None:
        """Accept weights without the mean, or with one of another type."""
        state_dict.setdefault(f'{prefix}value', self.value)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        self.value = self.value.float()  # assign=True takes what is there
