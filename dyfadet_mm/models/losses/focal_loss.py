import torch.nn.functional as F
from torch import Tensor

from dyfadet_mm.registry import MODELS
from .summed_loss import SummedLoss


def sigmoid_focal_loss(logits: Tensor,
                       targets: Tensor,
                       alpha: float = 0.25,
                       gamma: float = 2.0) -> Tensor:
    """Focal loss of every logit of independent classes, of any shape.

    Targets in [0, 1] may be soft; ``alpha`` and ``gamma`` are those of
    :class:`FocalLoss`.

    Reference:
        Lin et al., Focal Loss for Dense Object Detection, ICCV 2017.
    """
    prob = logits.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(
        logits, targets, reduction='none')
    miss = prob * (1 - targets) + (1 - prob) * targets
    balance = alpha * targets + (1 - alpha) * (1 - targets)
    return balance * miss**gamma * entropy


@MODELS.register_module()
class FocalLoss(SummedLoss):
    """Summed sigmoid focal loss of logits (P, A) and targets in [0, 1].

    Args:
        alpha (float): Weight of the positive side. Defaults to 0.25.
        gamma (float): Exponent of the modulation. Defaults to 2.0.
        loss_weight (float): Factor of the loss. Defaults to 1.0.
    """

    def __init__(self,
                 alpha: float = 0.25,
                 gamma: float = 2.0,
                 loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        self.alpha = alpha
        self.gamma = gamma

    def elements(self, pred: Tensor, target: Tensor) -> Tensor:
        """Loss of every class of every point, (P, A)."""
        return sigmoid_focal_loss(pred, target, self.alpha, self.gamma)
