from .encoders import (ConvBackbone, DynEBackbone, LocalAttentionBackbone,
                       SGPBackbone)
from .pixel_blocks import PixelBlocks
from .pyramid_encoder import PyramidEncoder

__all__ = [
    'ConvBackbone', 'DynEBackbone', 'LocalAttentionBackbone', 'PixelBlocks',
    'PyramidEncoder', 'SGPBackbone'
]
