from .bifpn1d import BiFPN1d
from .mmdet_neck import MMDetNeck
from .quality_dyhead import QualityDyHead

__all__ = ['BiFPN1d', 'MMDetNeck', 'QualityDyHead']
