from .diou_loss import DIoULoss, offset_diou_loss
from .focal_loss import FocalLoss, sigmoid_focal_loss
from .loss_normalizer import LossNormalizer

__all__ = [
    'DIoULoss', 'FocalLoss', 'LossNormalizer', 'offset_diou_loss',
    'sigmoid_focal_loss'
]
