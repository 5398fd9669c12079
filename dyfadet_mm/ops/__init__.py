from .conv1d import MinimalKernel, conv1d, minimal_kernel, saves_products
from .dispatch import compute_dtype, is_traced
from .gated_taps import gated_taps, gated_taps_reference, shifted_grid
from .shifted_conv import (FoldedWeight, fold_shift, shift_sums, shifted_conv,
                           shifted_conv_reference)
from .soft_nms import soft_nms, soft_nms_reference
from .soft_nms_stream import SoftNmsStream
from .voting import segment_voting, segment_voting_reference

__all__ = [
    'FoldedWeight', 'MinimalKernel', 'SoftNmsStream', 'compute_dtype',
    'conv1d', 'fold_shift', 'gated_taps', 'gated_taps_reference', 'is_traced',
    'minimal_kernel', 'saves_products', 'segment_voting',
    'segment_voting_reference', 'shift_sums', 'shifted_conv',
    'shifted_conv_reference', 'shifted_grid', 'soft_nms', 'soft_nms_reference'
]
