from .base_tad_head import BaseTADHead
from .conv_head import ConvHead, ConvMultiScaleHead, ConvTower
from .dyhead import DyHead, DyLayer, DyTower
from .trident_head import DyTridentHead, TridentHead

__all__ = [
    'BaseTADHead', 'ConvHead', 'ConvMultiScaleHead', 'ConvTower', 'DyHead',
    'DyLayer', 'DyTower', 'DyTridentHead', 'TridentHead'
]
