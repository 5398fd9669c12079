from .attention import LocalAttentionBackbone
from .conv import ConvBackbone
from .dyne import DynEBackbone
from .pyramid_encoder import PyramidEncoder
from .sgp import SGPBackbone

__all__ = [
    'ConvBackbone', 'DynEBackbone', 'LocalAttentionBackbone', 'PyramidEncoder',
    'SGPBackbone'
]
