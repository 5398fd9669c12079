from .dfa_att import ConvAttention, DFAAtt, TapAttention
from .dfa_conv import DFAConv1d
from .gate import GeReTanH, ReTanH, TemporalGate

__all__ = [
    'ConvAttention', 'DFAAtt', 'DFAConv1d', 'GeReTanH', 'ReTanH',
    'TapAttention', 'TemporalGate'
]
