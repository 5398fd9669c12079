from .build import build_layer
from .conv_layer import ConvLayer
from .conv_path import ConvPath
from .dfa import (ConvAttention, DFAAtt, DFAConv1d, GeReTanH, ReTanH,
                  TapAttention, TemporalGate)
from .drop_path import ScaledDropPath
from .dyne_layer import DynELayer
from .encoder_ops import DeformConv1d, DynamicConv1d, PlainConv1d, TD3dConv1d
from .local_attention import LocalAttentionLayer
from .masked_conv import MaskedConv1d
from .norm import ChannelLayerNorm, build_norm
from .position import SinusoidPosition
from .sgp_layer import SGPLayer
from .squeeze_excitation import SqueezeExcitation
from .temporal_adapter import TemporalAdapter

__all__ = [
    'ChannelLayerNorm', 'ConvAttention', 'ConvLayer', 'ConvPath', 'DFAAtt',
    'DFAConv1d', 'DeformConv1d', 'DynELayer', 'DynamicConv1d', 'GeReTanH',
    'LocalAttentionLayer', 'MaskedConv1d', 'PlainConv1d', 'ReTanH', 'SGPLayer',
    'ScaledDropPath', 'SinusoidPosition', 'SqueezeExcitation', 'TD3dConv1d',
    'TapAttention', 'TemporalAdapter', 'TemporalGate', 'build_layer',
    'build_norm'
]
