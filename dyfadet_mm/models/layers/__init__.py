from .bricks import (ChannelLayerNorm, MaskedConv1d, ScaledDropPath,
                     build_layer, build_norm)
from .conv_layer import ConvLayer, ConvPath, SqueezeExcitation
from .dfa import (ConvAttention, DFAAtt, DFAConv1d, GeReTanH, ReTanH,
                  TapAttention, TemporalGate)
from .dyne_layer import DynELayer, SGPLayer
from .encoder_ops import DeformConv1d, DynamicConv1d, PlainConv1d, TD3dConv1d
from .local_attention import LocalAttentionLayer
from .position import SinusoidPosition

__all__ = [
    'ChannelLayerNorm', 'ConvAttention', 'ConvLayer', 'ConvPath', 'DFAAtt',
    'DFAConv1d', 'DeformConv1d', 'DynELayer', 'DynamicConv1d', 'GeReTanH',
    'LocalAttentionLayer', 'MaskedConv1d', 'PlainConv1d', 'ReTanH', 'SGPLayer',
    'ScaledDropPath', 'SinusoidPosition', 'SqueezeExcitation', 'TD3dConv1d',
    'TapAttention', 'TemporalGate', 'build_layer', 'build_norm'
]
