from typing import Optional

from torch import Tensor, nn


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
        """Compute the loss.

        Args:
            pred (Tensor): Predictions, (P, ...).
            target (Tensor): Targets, of the same shape.
            weight (Tensor, optional): Weights of the points, (P,), or of
                every class of them, (P, A). Defaults to None.
            avg_factor (float | Tensor): Divisor of the sum. Defaults to 1.

        Returns:
            Tensor: Scalar; 0 and still attached to the graph if P is 0.
        """
        loss = self.elements(pred, target)
        if weight is not None:
            loss = loss * (
                weight if weight.dim() == loss.dim() else weight[:, None])
        return self.loss_weight * loss.sum() / avg_factor
