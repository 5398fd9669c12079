from .dfa import (ConvAttention, DFAAtt, DFAConv, GeReTanH, ReTanH,
                  TapAttention, TemporalGate)
from .drop_path import ScaledDropPath
from .dyne_layer import DynELayer
from .masked_conv import MaskedConv1d
from .norm import ChannelLayerNorm
from .packing import PackedCells, PackedModule, last_valid, round_length
from .position import SinusoidPosition
from .precision import compute_dtype
from .scale import ScalarScale

__all__ = [
    'ChannelLayerNorm', 'ConvAttention', 'DFAAtt', 'DFAConv', 'DynELayer',
    'GeReTanH', 'MaskedConv1d', 'PackedCells', 'PackedModule', 'ReTanH',
    'ScalarScale', 'ScaledDropPath', 'SinusoidPosition', 'TapAttention',
    'TemporalGate', 'compute_dtype', 'last_valid', 'round_length'
]
