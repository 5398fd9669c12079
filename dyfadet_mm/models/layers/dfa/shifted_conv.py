"""A dense convolution over the shifted grid, folded into one of 2K - 1 taps.

The definition convolves twice::

    x_a(u) = x(u + a - p)  inside the grid, 0 outside,      p = K // 2
    y(t) = sum_{a, j} W[a, j] x_a(t + j - p)
         = sum_m (sum_{a + j = m} W[a, j]) x(t + m - 2p)

The second line is one convolution. It differs from the first where
``t + j - p`` lies outside the grid while ``t + m - 2p`` does not, which is
at the p outermost cells of either end; these terms are subtracted.
"""
from typing import NamedTuple, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..packing import ALL_ROWS, PackedCells, add_taps, tap_rows
from ..precision import compute_dtype


class FoldedWeight(NamedTuple):
    """Weight of a convolution over the shifted grid, folded."""

    #: Taps of the single convolution, as of an image of one row and in
    #: channels-last order, the fastest one: (O, C, 1, 2K - 1).
    taps: Tensor
    #: What to subtract: outermost p cells in, (2, p * C), out, p * O.
    ends: Tensor


def fold_shift(weight: Tensor) -> FoldedWeight:
    """Fold the shift into the weight of the convolution behind it.

    Args:
        weight (Tensor): (O, C * K, K), input channels in the order of the
            shifted grid.

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
    return FoldedWeight(taps[:, None].permute(0, 3, 1, 2), ends)


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
    pad = weight.taps.size(3) // 4  # p
    dtype = compute_dtype(x)
    y = _Conv.apply(x.to(dtype), weight.taps.to(dtype), bias.to(dtype))
    if pad == 0:
        return y
    rows = cells.end_rows(pad)  # (2, S, p)
    outer = x[rows].flatten(2)  # (2, S, p * C)
    surplus = outer @ weight.ends.to(outer.dtype)  # (2, S, p * O)
    return y.index_add(
        0, rows.flatten(),
        -surplus.unflatten(2, (pad, -1)).flatten(0, 2).to(y.dtype))


class _Conv(torch.autograd.Function):
    """Convolution of rows; its gradients are matrix products.

    On a CPU those are twice as fast as the gradients of a convolution in
    channels-last order, which in turn is the faster way forward.
    """

    @staticmethod
    def forward(ctx, x: Tensor, taps: Tensor, bias: Tensor) -> Tensor:
        """Rows (N, C) and taps (O, C, 1, J) to (N, O)."""
        ctx.save_for_backward(x, taps)
        image = x.t()[None, :, None]
        y = F.conv2d(image, taps, bias, padding=(0, taps.size(3) // 2))
        return y[0, :, 0].t()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        x, taps = ctx.saved_tensors
        num_taps = taps.size(3)
        grad_taps = torch.empty_like(taps)
        for j, tap in enumerate(tap_rows(x, num_taps)):
            grad_taps[:, :, 0, j] = grad.t() @ tap
        parts = (grad @ taps[:, :, 0, j] for j in range(num_taps))
        return add_taps(parts, x, num_taps, ALL_ROWS), grad_taps, grad.sum(0)
