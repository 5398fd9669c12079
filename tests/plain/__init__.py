"""The reference of the package's tests: detectors by their definitions.

Slow and simple, also the yardstick of ``tools/analysis_tools/benchmark.py``.
"""
from .dyfadet import (plain_backbone, plain_dfa_att, plain_dfa_conv,
                      plain_dy_layer, plain_dyne_layer, plain_extract_feat,
                      plain_forward, plain_gate, plain_head)

__all__ = [
    'plain_backbone', 'plain_dfa_att', 'plain_dfa_conv', 'plain_dy_layer',
    'plain_dyne_layer', 'plain_extract_feat', 'plain_forward', 'plain_gate',
    'plain_head'
]
