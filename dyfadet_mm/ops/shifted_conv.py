"""A dense convolution over the shifted grid, folded into one of 2K - 1 taps.

The definition convolves twice::

    x_a(u) = x(u + a - p)  inside the grid, 0 outside,      p = K // 2
    y(t) = sum_{a, j} W[a, j] x_a(t + j - p)
         = sum_m (sum_{a + j = m} W[a, j]) x(t + m - 2p)

The second line is one convolution. It differs from the first where
``t + j - p`` lies outside the grid while ``t + m - 2p`` does not, which is
at the p outermost cells of either end; these terms are subtracted.
"""
from typing import Optional

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .conv1d import conv1d
from .gated_taps import shifted_grid


def shifted_conv(x: Tensor, weight: Tensor, bias: Optional[Tensor],
                 sums: Tensor, ends: Tensor) -> Tensor:
    """Convolve the shifted grid, to (1, O, N); only the grids have a meaning.

    Args:
        x (Tensor): Features of one or several grids with at least 2p zeros
            between them, (1, C, N).
        weight (Tensor): (O, C * K, K), channels as of the shifted grid.
        bias (Tensor, optional): (O, ).
        sums (Tensor): See :func:`shift_sums`.
        ends (Tensor): First and last p cells of grids, outermost first,
            (2, S, p).
    """
    size, pad = weight.size(2), ends.size(2)
    folded = sums @ weight.reshape(-1, size * size).t()
    # 2K - 1 taps, then what to subtract, (O, C) each
    taps, surplus = folded.unflatten(1, (len(weight), -1)).split(
        (2 * size - 1, 2 * pad * pad))
    y = conv1d(x, taps.permute(1, 2, 0), bias)
    if pad == 0:
        return y
    # outermost cells m in, (2, m * C), to those out, t * O
    surplus = surplus.unflatten(0, (2, pad, pad)).permute(0, 1, 4, 2, 3)
    surplus = surplus.flatten(3).flatten(1, 2)
    rows, x = (each.squeeze(0).t() for each in (y, x))
    outer = x.index_select(0, ends.flatten()).view(*ends.shape[:2], -1)
    surplus = outer @ surplus.to(outer.dtype)  # (2, S, t * O)
    surplus = surplus.view(ends.numel(), -1).to(y)
    # in place where no gradient has to go through it
    add = rows.index_add if torch.is_grad_enabled() else rows.index_add_
    rows = add(0, ends.flatten(), surplus, alpha=-1)
    return rows[None].transpose(1, 2)


def shift_sums(size: int) -> Tensor:
    """Which weights W[a, j] of K taps each folded one is the sum of.

    Zeros and ones, ((2K - 1) + 2 * p * p, K * K): taps; what the first cell t
    of a grid takes from the cell m, (m, t); the same from the other end.
    """
    pad = size // 2
    taps = np.zeros((2 * size - 1, size, size), np.float32)
    ends = np.zeros((2, pad, pad, size, size), np.float32)
    for a, j in np.ndindex(size, size):
        taps[a + j, a, j] = 1
        for t in range(pad - j):  # t + j - p < 0, outside
            m = t + a + j - 2 * pad
            if 0 <= m < pad:
                ends[0, m, t, a, j] = 1
                ends[1, m, t, size - 1 - a, size - 1 - j] = 1
    rows = [each.reshape(-1, size * size) for each in (taps, ends)]
    return torch.tensor(np.concatenate(rows))


def shifted_conv_reference(x: Tensor,
                           weight: Tensor,
                           bias: Optional[Tensor] = None) -> Tensor:
    """:func:`shifted_conv` of grids (B, C, T) by its definition."""
    shifted = shifted_grid(x, weight.size(2)).flatten(1, 2)
    return F.conv1d(shifted, weight, bias, padding=weight.size(2) // 2)
