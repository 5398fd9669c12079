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
MAX_TAPS = 5  # r; a kernel with more is not filtered so
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
        if (weight.size(2) <= MAX_TAPS
                and min(weight.shape[:2]) >= MIN_CHANNELS
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
        return _filter(x, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Optional[Tensor], ...]:
        x, weight = ctx.saved_tensors
        # features of a file need none, and have the most channels
        needs_rows, _, needs_bias = ctx.needs_input_grad
        grad_rows = None
        if needs_rows:
            grad_rows = _filter(grad, weight.flip(2).transpose(0, 1))
        filters = _Filters.of(weight)
        rest = -len(grad) % NUM_OUTPUTS
        tiles = F.pad(grad, (0, 0, 0, rest)).unflatten(0, (-1, NUM_OUTPUTS))
        kernel = x.new_zeros(len(filters.inputs), *weight.shape[:2])
        for block, windows in _windows(x, weight.size(2)):
            spread = filters.outputs.t() @ tiles[block]  # (tiles, a, O)
            spread = spread.transpose(0, 1).contiguous()
            kernel.baddbmm_(spread.mT, filters.at_points(windows))
        grad_weight = kernel.flatten(1).t() @ filters.points
        return (grad_rows, grad_weight.unflatten(0, weight.shape[:2]),
                grad.sum(0) if needs_bias else None)


def _filter(x: Tensor,
            weight: Tensor,
            bias: Optional[Tensor] = None) -> Tensor:
    """Convolve rows (N, C) with a weight (O, C, K), to (N, O)."""
    filters = _Filters.of(weight)
    # no copy of all taps: their places are equally far apart
    taps = weight.permute(2, 0, 1)
    kernel = (filters.points @ taps.flatten(1)).unflatten(1, taps.shape[1:])
    num = -(-len(x) // NUM_OUTPUTS)
    out = x.new_empty(num, NUM_OUTPUTS, len(weight))
    for block, windows in _windows(x, weight.size(2)):
        products = filters.at_points(windows) @ kernel.mT  # (a, tiles, O)
        torch.matmul(filters.outputs, products.transpose(0, 1), out=out[block])
        if bias is not None:
            out[block] += bias
    return out.flatten(0, 1)[:len(x)]


def _windows(x: Tensor, num_taps: int) -> Iterator[Tuple[slice, Tensor]]:
    """Blocks of tiles of m rows, with what these read, (tiles, a, C)."""
    pad, rest = num_taps // 2, -len(x) % NUM_OUTPUTS
    # faster than to concatenate
    rows = x.new_empty(len(x) + rest + 2 * pad, x.size(1))
    rows[:pad], rows[pad + len(x):] = 0, 0
    rows[pad:pad + len(x)] = x
    num_rows = NUM_OUTPUTS + num_taps - 1  # a
    windows = rows.unfold(0, num_rows, NUM_OUTPUTS).transpose(1, 2)
    size = max(BLOCK_SIZE // (num_rows * x.size(1)), MIN_BLOCK)
    for start in range(0, len(windows), size):
        block = slice(start, start + size)
        yield block, windows[block]


class _Filters(NamedTuple):
    """The matrices for r taps."""

    outputs: Tensor  #: A, (m, a)
    points: Tensor  #: G, (a, r)
    inputs: Tensor  #: B, (a, a)

    @classmethod
    def of(cls, weight: Tensor) -> '_Filters':
        """Those of a weight (O, C, r), in its dtype."""
        # no tensors are kept: they would belong to the mode they arose in
        return cls(*(torch.from_numpy(each).to(weight.dtype)
                     for each in _matrices(weight.size(2))))

    def at_points(self, windows: Tensor) -> Tensor:
        """Windows (tiles, a, C) at all points, (a, tiles, C)."""
        return (self.inputs @ windows).transpose(0, 1).contiguous()


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
