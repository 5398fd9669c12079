from .conv1d import conv1d
from .dispatch import compute_dtype, is_traced
from .gated_taps import gated_taps, gated_taps_reference, shifted_grid
from .shifted_conv import shift_sums, shifted_conv, shifted_conv_reference
from .soft_nms import soft_nms, soft_nms_reference
from .voting import segment_voting

__all__ = [
    'compute_dtype', 'conv1d', 'gated_taps', 'gated_taps_reference',
    'is_traced', 'segment_voting', 'shift_sums', 'shifted_conv',
    'shifted_conv_reference', 'shifted_grid', 'soft_nms', 'soft_nms_reference'
]
