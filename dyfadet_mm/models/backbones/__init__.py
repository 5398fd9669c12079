from .encoders import (ConvBackbone, DynEBackbone, LocalAttentionBackbone,
                       SGPBackbone)
from .pyramid_encoder import PyramidEncoder

__all__ = [
    'ConvBackbone', 'DynEBackbone', 'LocalAttentionBackbone', 'PyramidEncoder',
    'SGPBackbone'
]
