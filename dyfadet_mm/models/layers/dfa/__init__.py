from .dfa_att import ConvAttention, DFAAtt, TapAttention
from .dfa_conv import DFAConv
from .gate import GeReTanH, ReTanH, TemporalGate

__all__ = [
    'ConvAttention', 'DFAAtt', 'DFAConv', 'GeReTanH', 'ReTanH', 'TapAttention',
    'TemporalGate'
]
