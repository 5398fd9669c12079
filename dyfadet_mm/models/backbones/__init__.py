from .dyne import DynEBackbone
from .pyramid_encoder import PyramidEncoder

__all__ = ['DynEBackbone', 'PyramidEncoder']
