"""Operations on segments and their scores, in plain PyTorch."""
from .soft_nms import soft_nms
from .voting import segment_voting

__all__ = ['segment_voting', 'soft_nms']
