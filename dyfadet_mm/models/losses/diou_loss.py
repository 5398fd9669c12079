from typing import Optional

import torch
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import offset_iou


def offset_diou_loss(pred: Tensor,
                     target: Tensor,
                     eps: float = 1e-8) -> Tensor:
    """Distance-IoU loss of segments that share a point.

    ``1 - IoU + (distance of the centres / length of the hull)^2``

    Args:
        pred (Tensor): Predicted offsets (left, right), not negative, (P, 2).
        target (Tensor): Target offsets in the same unit, (P, 2).
        eps (float): Smallest union and hull. Defaults to 1e-8.

    Returns:
        Tensor: Loss of every pair, (P,).

    Reference:
        Zheng et al., Distance-IoU Loss, AAAI 2020.
    """
    hull = torch.maximum(pred, target).sum(1)
    shift = pred - target
    center = 0.5 * (shift[:, 1] - shift[:, 0])
    return 1 - offset_iou(pred, target,
                          eps) + (center / hull.clamp(min=eps))**2


@MODELS.register_module()
class DIoULoss(nn.Module):
    """Summed distance-IoU loss of offsets.

    Args:
        loss_weight (float): Factor of the loss. Defaults to 1.0.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self,
                pred: Tensor,
                target: Tensor,
                weight: Optional[Tensor] = None,
                avg_factor: float = 1.) -> Tensor:
        """Compute the loss.

        Args:
            pred (Tensor): Predicted offsets (left, right), (P, 2).
            target (Tensor): Target offsets, (P, 2).
            weight (Tensor, optional): Weight of every pair, (P,).
            avg_factor (float | Tensor): Divisor of the sum. Defaults to 1.

        Returns:
            Tensor: Scalar; 0 and still attached to the graph if P is 0.
        """
        loss = offset_diou_loss(pred, target)
        if weight is not None:
            loss = loss * weight
        return self.loss_weight * loss.sum() / avg_factor
