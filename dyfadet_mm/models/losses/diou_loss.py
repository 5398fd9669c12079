import torch
from torch import Tensor

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import offset_iou
from .summed_loss import SummedLoss


def offset_diou_loss(pred: Tensor,
                     target: Tensor,
                     eps: float = 1e-8) -> Tensor:
    """Distance-IoU loss of segments that share a point.

    ``1 - IoU + (distance of the centres / length of the hull)^2`` of every
    pair of offsets (left, right), not negative and in one unit, (P, 2) to
    (P,). Unions and hulls are at least ``eps``.

    Reference:
        Zheng et al., Distance-IoU Loss, AAAI 2020.
    """
    hull = torch.maximum(pred, target).sum(1)
    shift = pred - target
    center = 0.5 * (shift[:, 1] - shift[:, 0])
    return 1 - offset_iou(pred, target,
                          eps) + (center / hull.clamp(min=eps))**2


@MODELS.register_module()
class DIoULoss(SummedLoss):
    """Summed distance-IoU loss of offsets (left, right), (P, 2).

    Args:
        loss_weight (float): Factor of the loss. Defaults to 1.0.
    """

    def elements(self, pred: Tensor, target: Tensor) -> Tensor:
        """Loss of every pair, (P,)."""
        return offset_diou_loss(pred, target)
