from .base_tad_head import BaseTADHead, LevelProposals
from .conv_head import ConvHead, ConvTower
from .dyhead import DyHead, DyLayer, DyTower

__all__ = [
    'BaseTADHead', 'ConvHead', 'ConvTower', 'DyHead', 'DyLayer', 'DyTower',
    'LevelProposals'
]
