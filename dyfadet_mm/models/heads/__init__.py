from .base_tad_head import BaseTADHead, LevelProposals
from .conv_head import ConvHead, ConvTower
from .dy_trident_head import DyTridentHead
from .dyhead import DyHead, DyLayer, DyTower
from .multi_scale_head import ConvMultiScaleHead
from .trident_head import TridentHead

__all__ = [
    'BaseTADHead', 'ConvHead', 'ConvMultiScaleHead', 'ConvTower', 'DyHead',
    'DyLayer', 'DyTower', 'DyTridentHead', 'LevelProposals', 'TridentHead'
]
