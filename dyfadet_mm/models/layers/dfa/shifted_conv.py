"""A dense convolution over the shifted grid, folded into one of 2K - 1 taps.

The definition convolves twice::

    x_a(u) = x(u + a - p)  inside the grid, 0 outside,      p = K // 2
    y(t) = sum_{a, j} W[a, j] x_a(t + j - p)
         = sum_m (sum_{a + j = m} W[a, j]) x(t + m - 2p)

The second line is one convolution. It differs from the first where
``t + j - p`` lies outside the grid while ``t + m - 2p`` does not, which is
at the p outermost cells of either end; these terms are subtracted.
"""
from typing import Callable, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..packing import PackedCells
from ..row_conv import Kernel, conv_rows, direct_kernel


class FoldedWeight(NamedTuple):
    """Weight of a convolution over the shifted grid, folded."""

    #: The 2K - 1 taps of the single convolution.
    kernel: Kernel
    #: What to subtract: outermost p cells in, (2, p * C), out, p * O.
    ends: Tensor


def fold_shift(
        weight: Tensor,
        lay_out: Callable[[Tensor], Kernel] = direct_kernel) -> FoldedWeight:
    """Fold the shift into the weight of the convolution behind it.

    Args:
        weight (Tensor): (O, C * K, K), input channels in the order of the
            shifted grid.
        lay_out (callable): Makes a kernel of taps, ``direct_kernel`` or
            ``minimal_kernel``. Defaults to the former.

    Returns:
        FoldedWeight: Its equivalent without the shift.
    """
    size = weight.size(2)
    weight = weight.unflatten(1, (-1, size))  # (O, C, K of shift, K of conv)
    taps = weight.new_zeros(len(weight), 2 * size - 1, weight.size(1))
    for a in range(size):
        taps = taps + F.pad(weight[:, :, a].transpose(1, 2),
                            (0, 0, a, size - 1 - a))
    ends = torch.stack((_end(weight), _end(weight.flip(2, 3))))
    return FoldedWeight(lay_out(taps.permute(1, 2, 0)), ends)


def _end(weight: Tensor) -> Tensor:
    """Terms at the first cells of a grid that read outside, (p * C, p * O)."""
    num_out, num_in, size, _ = weight.shape
    pad = size // 2
    zero = weight.new_zeros(num_out, num_in)
    blocks = [[zero] * pad for _ in range(pad)]  # from cell m to cell t
    for t in range(pad):
        for j in range(pad - t):  # t + j - p < 0
            for m in range(pad):
                a = m - t - j + 2 * pad
                if a < size:
                    blocks[m][t] = blocks[m][t] + weight[:, :, a, j]
    if not blocks:
        return weight.new_zeros(0, 0)
    return torch.cat(
        [torch.cat([block.t() for block in row], 1) for row in blocks])


def shifted_conv(x: Tensor, weight: FoldedWeight, bias: Tensor,
                 cells: PackedCells) -> Tensor:
    """Convolve the shifted grid.

    Args:
        x (Tensor): Features, zero in the gaps, (N, C).
        weight (FoldedWeight): See :func:`fold_shift`.
        bias (Tensor): (O, ).
        cells (PackedCells): Gaps of at least 2p rows.

    Returns:
        Tensor: (N, O), of no meaning in the gaps.
    """
    y = conv_rows(x, weight.kernel, bias)
    pad = weight.ends.size(1) // x.size(1)  # p
    if pad == 0:
        return y
    rows = cells.end_rows(pad)  # (2, S, p)
    outer = x[rows].flatten(2)  # (2, S, p * C)
    surplus = outer @ weight.ends.to(outer.dtype)  # (2, S, p * O)
    return y.index_add(
        0, rows.flatten(),
        -surplus.unflatten(2, (pad, -1)).flatten(0, 2).to(y.dtype))
