from .bifpn1d import BiFPN1d
from .quality_dyhead import QualityDyHead

__all__ = ['BiFPN1d', 'QualityDyHead']
