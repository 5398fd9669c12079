from .attention import LocalAttentionBackbone
from .conv import ConvBackbone
from .dyne import DynEBackbone
from .pixel_blocks import PixelBlocks
from .pyramid_encoder import PyramidEncoder
from .sgp import SGPBackbone

__all__ = [
    'ConvBackbone', 'DynEBackbone', 'LocalAttentionBackbone', 'PixelBlocks',
    'PyramidEncoder', 'SGPBackbone'
]
