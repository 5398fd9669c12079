"""Dense convolution over time, with fewer products where that is faster.

``r`` taps and ``m`` outputs take ``m r`` products as they stand. As a product
of polynomials in the other direction, they take ``a = m + r - 1``, one for
each point at which the polynomials are evaluated::

    y = A [(G w) * (B x)]        x: a rows, w: r taps, y: m rows

which for m = 4, r = 5 are 8 instead of 20. ``A``, ``B`` and ``G`` are small
constant matrices, so that the sums they stand for cost little next to
products of (rows, C) and (C, O). The rounding error is that of the direct
convolution; in the low precision of autocast it would not be.

Reference:
    Winograd, Arithmetic Complexity of Computations, SIAM 1980;
    Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016.
"""
from functools import lru_cache
from typing import Iterator, NamedTuple, Optional, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .dispatch import compute_dtype, is_traced

NUM_OUTPUTS = 4  # m
MAX_TAPS = 5  # r; kernels with more are cut into parts
# where polynomials are evaluated, and at infinity; small numbers round least
POINTS = (0., 1., -1., 2., -.5, -2., .5)
# below that many channels in or out, the sums cost what the products save
MIN_CHANNELS = 256
# tiles of m rows at a time, few enough for the cache
MIN_BLOCK, BLOCK_SIZE = 256, 2**20


def conv1d(x: Tensor,
           weight: Tensor,
           bias: Optional[Tensor] = None,
           stride: int = 1,
           groups: int = 1) -> Tensor:
    """Convolve to (B, O, ceil(T / r)); what is outside the grid is zero.

    Args:
        x (Tensor): Features, (B, C, T).
        weight (Tensor): An odd number K of taps, (O, C / groups, K).
        bias (Tensor, optional): (O, ). Defaults to None.
        stride (int): r, output cell i belongs to input r i. Defaults to 1.
        groups (int): Defaults to 1.
    """
    if weight.size(2) == groups == 1:
        rows = x[..., ::stride].transpose(1, 2)
        return F.linear(rows, weight.squeeze(2), bias).transpose(1, 2)
    if x.device.type != 'cpu':
        return F.conv1d(x, weight, bias, stride,
                        weight.size(2) // 2, 1, groups)
    if weight[0].numel() == 1 and groups == len(weight):
        # of which the convolution of a CPU is slow
        rows, scale = x[..., ::stride].transpose(1, 2), weight.flatten()
        rows = rows * scale if bias is None else torch.addcmul(
            bias, rows, scale)
        return rows.transpose(1, 2)
    if stride == groups == 1 and not is_traced():
        if (min(weight.shape[:2]) >= MIN_CHANNELS
                and compute_dtype(x) in (torch.float32, torch.float64)):
            return _minimal_conv(x, weight, bias)
        if weight.size(0) * weight.size(2) <= x.size(1):
            return _narrow_conv(x, weight, bias)
    # as images, because only those keep the channels-last order here
    y = F.conv2d(x[:, :, None], weight[:, :, None].contiguous(), bias,
                 (1, stride), (0, weight.size(2) // 2), 1, groups)
    return y.squeeze(2)


def _narrow_conv(x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
    """Convolution with few outputs: one product, of which taps are views."""
    num_out, _, num_taps = weight.shape
    rows = x.transpose(1, 2) @ weight.permute(1, 2, 0).flatten(1)
    rows = F.pad(rows, (0, 0, num_taps // 2, num_taps // 2))
    y = sum(rows[:, s:s + x.size(2), s * num_out:(s + 1) * num_out]
            for s in range(num_taps))
    return (y if bias is None else y + bias).transpose(1, 2)


def _minimal_conv(x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
    """Convolution by minimal filtering."""
    rows, length = x.transpose(1, 2), x.size(2)
    if len(x) > 1:  # zeros between videos
        rows = F.pad(rows, (0, 0, 0, weight.size(2) // 2))
    y = _MinimalConv.apply(rows.flatten(0, 1), weight, bias)
    return y.unflatten(0, (len(x), -1))[:, :length].transpose(1, 2)


class _MinimalConv(torch.autograd.Function):
    """Minimal filtering; keeps the rows, not what they become at points."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor,
                bias: Optional[Tensor]) -> Tensor:
        """Rows (N, C) and a weight (O, C, K) to (N, O)."""
        ctx.save_for_backward(x, weight)
        tiles = _Tiles(x, weight.size(2))
        kernels = [part.kernel(weight) for part in tiles.parts]
        out = x.new_empty(tiles.num, NUM_OUTPUTS, len(weight))
        for block in tiles.blocks():
            for i, (part, kernel) in enumerate(zip(tiles.parts, kernels)):
                products = tiles.at_points(part, block) @ kernel.mT
                products = products.transpose(0, 1)  # (tiles, a, O)
                if i == 0:
                    torch.matmul(part.outputs, products, out=out[block])
                else:
                    out[block] += part.outputs @ products
            if bias is not None:
                out[block] += bias
        return out.flatten(0, 1)[:len(x)]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Optional[Tensor], ...]:
        x, weight = ctx.saved_tensors
        # features of a file need none, and have the most channels
        needs_rows, _, needs_bias = ctx.needs_input_grad
        grad_bias = grad.sum(0) if needs_bias else None
        tiles = _Tiles(x, weight.size(2))
        tail = tiles.num * NUM_OUTPUTS - len(x)
        grad = F.pad(grad, (0, 0, 0, tail)).unflatten(0, (-1, NUM_OUTPUTS))
        grad_weight = torch.empty_like(weight)
        grad_rows = torch.zeros_like(tiles.rows) if needs_rows else None
        for part in tiles.parts:
            kernel = part.kernel(weight)  # (a, O, C)
            grad_kernel = torch.zeros_like(kernel)
            for block in tiles.blocks():
                spread = part.outputs.t() @ grad[block]  # (tiles, a, O)
                spread = spread.transpose(0, 1).contiguous()
                grad_kernel.baddbmm_(spread.mT, tiles.at_points(part, block))
                if needs_rows:
                    spread = part.inputs.t() @ (spread @ kernel).transpose(
                        0, 1)
                    tiles.add_windows(grad_rows, part, block, spread)
            grad_weight[..., part.taps] = part.grad_weight(grad_kernel)
        if needs_rows:
            grad_rows = grad_rows[tiles.pad:tiles.pad + len(x)]
        return grad_rows, grad_weight, grad_bias


class _Part(NamedTuple):
    """At most ``MAX_TAPS`` taps, and the matrices of their filtering."""

    taps: slice
    outputs: Tensor  #: A, (m, a)
    points: Tensor  #: G, (a, r)
    inputs: Tensor  #: B, (a, a)

    def kernel(self, weight: Tensor) -> Tensor:
        """Taps of (O, C, K) at the points, (a, O, C)."""
        taps = weight[..., self.taps].permute(2, 0, 1)
        # no copy of all taps: their places are equally far apart
        return (self.points @ taps.flatten(1)).unflatten(1, taps.shape[1:])

    def grad_weight(self, grad_kernel: Tensor) -> Tensor:
        """Gradient of the taps, (O, C, r), from that at the points."""
        grad = grad_kernel.flatten(1).t() @ self.points
        return grad.unflatten(0, grad_kernel.shape[1:])


class _Tiles:
    """Rows cut into tiles of m outputs, with the windows these read.

    Rows are (N, C), and the kernel has K taps.
    """

    def __init__(self, x: Tensor, num_taps: int) -> None:
        self.parts = []
        for taps in np.array_split(range(num_taps), -(-num_taps // MAX_TAPS)):
            # no tensors are kept: they would belong to the mode they arose in
            matrices = (
                torch.from_numpy(each).to(x.dtype)
                for each in _matrices(len(taps)))
            self.parts.append(_Part(slice(taps[0], taps[-1] + 1), *matrices))
        self.pad = num_taps // 2
        self.num = -(-len(x) // NUM_OUTPUTS)
        # faster than to concatenate
        self.rows = x.new_empty(self.num * NUM_OUTPUTS + 2 * self.pad,
                                x.size(1))
        last = self.pad + len(x)
        self.rows[:self.pad], self.rows[last:] = 0, 0
        self.rows[self.pad:last] = x

    def blocks(self) -> Iterator[slice]:
        """Slices of tiles."""
        numbers = (NUM_OUTPUTS + MAX_TAPS - 1) * self.rows.size(1)
        size = max(BLOCK_SIZE // numbers, MIN_BLOCK)
        for start in range(0, self.num, size):
            yield slice(start, min(start + size, self.num))

    def windows(self, rows: Tensor, first: int, shape: tuple) -> Tensor:
        """Views of rows, (tiles, rows of each, C), that begin every m."""
        rows = rows[first:]
        return rows.as_strided(shape,
                               (NUM_OUTPUTS * rows.stride(0), *rows.stride()),
                               rows.storage_offset())

    def at_points(self, part: _Part, block: slice) -> Tensor:
        """Windows of a part of the kernel at its points, (a, tiles, C)."""
        windows = self.windows(
            self.rows, block.start * NUM_OUTPUTS + part.taps.start,
            (block.stop - block.start, len(part.inputs), self.rows.size(1)))
        return (part.inputs @ windows).transpose(0, 1).contiguous()

    def add_windows(self, total: Tensor, part: _Part, block: slice,
                    windows: Tensor) -> None:
        """Add windows (tiles, a, C) to where :meth:`at_points` read them."""
        first = block.start * NUM_OUTPUTS + part.taps.start
        for start in range(0, windows.size(1), NUM_OUTPUTS):
            piece = windows[:, start:start + NUM_OUTPUTS]
            self.windows(total, first + start, piece.shape).add_(piece)


@lru_cache(maxsize=None)
def _matrices(num_taps: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A, G and B for r taps, at most ``MAX_TAPS``, in float64."""
    num_points = NUM_OUTPUTS + num_taps - 1
    points = np.array(POINTS[:num_points - 1])

    def evaluate(length: int) -> np.ndarray:
        """A polynomial of that many coefficients at all points."""
        powers = points[:, None]**np.arange(length)
        return np.concatenate((powers, np.eye(length)[-1:]))  # (a, length)

    inputs = np.linalg.inv(evaluate(num_points)).T
    scale = np.abs(inputs).max(1, keepdims=True)  # keeps numbers near 1
    matrices = evaluate(
        NUM_OUTPUTS).T, evaluate(num_taps) * scale, inputs / scale
    # row by row, which products with wide matrices want
    return tuple(map(np.ascontiguousarray, matrices))
