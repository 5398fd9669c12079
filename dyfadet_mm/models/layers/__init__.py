from .conv_layer import ConvLayer
from .conv_path import ConvPath
from .dfa import (ConvAttention, DFAAtt, DFAConv, GeReTanH, ReTanH,
                  TapAttention, TemporalGate)
from .drop_path import ScaledDropPath
from .dyne_layer import DynELayer
from .encoder_ops import (DeformConv1d, DFAConv1d, DynamicConv1d, PlainConv1d,
                          TD3dConv1d)
from .local_attention import LocalAttentionLayer
from .masked_conv import MaskedConv1d
from .norm import ChannelLayerNorm
from .packing import PackedCells, PackedModule, last_valid, round_length
from .position import SinusoidPosition
from .precision import compute_dtype
from .scale import ScalarScale
from .sgp_layer import SGPLayer
from .squeeze_excitation import SqueezeExcitation

__all__ = [
    'ChannelLayerNorm', 'ConvAttention', 'ConvLayer', 'ConvPath', 'DFAAtt',
    'DFAConv', 'DFAConv1d', 'DeformConv1d', 'DynELayer', 'DynamicConv1d',
    'GeReTanH', 'LocalAttentionLayer', 'MaskedConv1d', 'PackedCells',
    'PackedModule', 'PlainConv1d', 'ReTanH', 'SGPLayer', 'ScalarScale',
    'ScaledDropPath', 'SinusoidPosition', 'SqueezeExcitation', 'TD3dConv1d',
    'TapAttention', 'TemporalGate', 'compute_dtype', 'last_valid',
    'round_length'
]
