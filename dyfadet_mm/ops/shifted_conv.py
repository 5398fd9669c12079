"""A dense convolution over the shifted grid, folded into one of 2K - 1 taps.

The definition convolves twice::

    x_a(u) = x(u + a - p)  inside the grid, 0 outside,      p = K // 2
    y(t) = sum_{a, j} W[a, j] x_a(t + j - p)
         = sum_m (sum_{a + j = m} W[a, j]) x(t + m - 2p)

The second line is one convolution. It differs from the first where
``t + j - p`` lies outside the grid while ``t + m - 2p`` does not, which is
at the p outermost cells of either end; these terms are subtracted.
"""
from typing import NamedTuple, Optional, Union

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .conv1d import MinimalKernel, conv1d, minimal_kernel
from .gated_taps import shifted_grid


class FoldedWeight(NamedTuple):
    """Weight of a convolution over the shifted grid, folded."""

    #: The 2K - 1 taps of the single convolution.
    kernel: Union[Tensor, MinimalKernel]
    #: What to subtract: outermost p cells in, (2, p * C), out, p * O.
    ends: Tensor


def fold_shift(weight: Tensor,
               sums: Tensor,
               minimal: bool = False) -> FoldedWeight:
    """Fold the shift into the weight of the convolution behind it.

    Args:
        weight (Tensor): (O, C * K, K), input channels in the order of the
            shifted grid.
        sums (Tensor): See :func:`shift_sums`.
        minimal (bool): Whether to lay the taps out for minimal filtering.
            Defaults to False.

    Returns:
        FoldedWeight: Its equivalent without the shift.
    """
    size, pad = weight.size(2), weight.size(2) // 2
    # (O, C, K of shift * K of conv) to the taps, then the ends
    weight = weight.unflatten(1, (-1, size)).flatten(2)
    taps, ends = (weight @ sums).split((2 * size - 1, 2 * pad * pad), 2)
    ends = ends.unflatten(2, (2, pad, pad)).permute(2, 3, 1, 4, 0)
    return FoldedWeight(
        minimal_kernel(taps) if minimal else taps,
        ends.flatten(3, 4).flatten(1, 2))


def shift_sums(size: int) -> Tensor:
    """Which weights W[a, j] each folded one is the sum of.

    Args:
        size (int): K.

    Returns:
        Tensor: Zeros and ones, (K * K, (2K - 1) + 2 * p * p): taps; what the
        first cell t of a grid takes from the cell m, (m, t); the same from
        the other end.
    """
    pad = size // 2
    taps = np.zeros((size, size, 2 * size - 1), np.float32)
    ends = np.zeros((size, size, 2, pad, pad), np.float32)
    for a, j in np.ndindex(size, size):
        taps[a, j, a + j] = 1
        for t in range(pad - j):  # t + j - p < 0, outside
            m = t + a + j - 2 * pad
            if 0 <= m < pad:
                ends[a, j, 0, m, t] = 1
                ends[size - 1 - a, size - 1 - j, 1, m, t] = 1
    return torch.tensor(
        np.concatenate(
            (taps.reshape(size * size, -1), ends.reshape(size * size, -1)), 1))


def shifted_conv(x: Tensor, weight: FoldedWeight, bias: Optional[Tensor],
                 ends: Tensor) -> Tensor:
    """Convolve the shifted grid.

    Args:
        x (Tensor): Features of one or several grids with at least 2p zeros
            between them, (1, C, N).
        weight (FoldedWeight): See :func:`fold_shift`.
        bias (Tensor, optional): (O, ).
        ends (Tensor): The p first and last cells of every grid, outermost
            first, (2, S, p).

    Returns:
        Tensor: (1, O, N), of no meaning outside the grids.
    """
    y = conv1d(x, weight.kernel, bias)
    pad = ends.size(2)
    if pad == 0:
        return y
    rows, x = (each.squeeze(0).t() for each in (y, x))
    outer = x.index_select(0, ends.flatten()).view(*ends.shape[:2], -1)
    surplus = outer @ weight.ends.to(outer.dtype)  # (2, S, p * O)
    surplus = surplus.view(ends.numel(), -1)
    return rows.index_add(0, ends.flatten(), surplus.to(y), alpha=-1).t()[None]


def shifted_conv_reference(x: Tensor,
                           weight: Tensor,
                           bias: Optional[Tensor] = None) -> Tensor:
    """:func:`shifted_conv` of one grid by its definition.

    Args:
        x (Tensor): Features, (B, C, T).
        weight (Tensor): (O, C * K, K).
        bias (Tensor, optional): (O, ). Defaults to None.

    Returns:
        Tensor: (B, O, T).
    """
    shifted = shifted_grid(x, weight.size(2)).flatten(1, 2)
    return F.conv1d(shifted, weight, bias, padding=weight.size(2) // 2)
