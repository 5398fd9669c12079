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
from typing import Iterator, NamedTuple, Optional, Tuple, Union

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
# products of matrices want whole vectors
COLUMN_MULTIPLE = 16
# tiles of m rows at a time, few enough for the cache
MIN_BLOCK, BLOCK_SIZE = 256, 2**20


class MinimalKernel(NamedTuple):
    """Taps at the points of minimal filtering."""

    #: For every part of at most ``MAX_TAPS`` taps, (a, C, O'), with O' the
    #: next multiple of ``COLUMN_MULTIPLE``.
    parts: Tuple[Tensor, ...]
    out_channels: int  #: O


def conv1d(x: Tensor,
           kernel: Union[Tensor, MinimalKernel],
           bias: Optional[Tensor] = None,
           stride: int = 1,
           groups: int = 1) -> Tensor:
    """Convolve; what is outside the grid is zero.

    Args:
        x (Tensor): Features, (B, C, T).
        kernel (Tensor | MinimalKernel): An odd number K of taps,
            (O, C / groups, K), or what :func:`minimal_kernel` makes of them
            for neither stride nor groups.
        bias (Tensor, optional): (O, ). Defaults to None.
        stride (int): r, output cell i belongs to input cell r i. Defaults to
            1.
        groups (int): Defaults to 1.

    Returns:
        Tensor: (B, O, ceil(T / r)).
    """
    if isinstance(kernel, Tensor):
        if stride == groups == 1 and _is_narrow(x, kernel):
            return _narrow_conv(x, kernel, bias)
        if x.device.type != 'cpu':
            return F.conv1d(x, kernel, bias, stride,
                            kernel.size(2) // 2, 1, groups)
        # as images, because only those keep the channels-last order here
        return F.conv2d(
            x[:, :, None],
            kernel[:, :, None],
            bias,
            stride=(1, stride),
            padding=(0, kernel.size(2) // 2),
            groups=groups).squeeze(2)
    rows, length = x.transpose(1, 2), x.size(2)
    if len(x) > 1:  # zeros between videos
        rows = F.pad(rows, (0, 0, 0, _num_taps(kernel) // 2))
    if bias is not None:
        bias = F.pad(bias, (0, -len(bias) % COLUMN_MULTIPLE))
    y = _MinimalConv.apply(rows.flatten(0, 1), bias, *kernel.parts)
    y = y[:, :kernel.out_channels].unflatten(0, (len(x), -1))[:, :length]
    return y.transpose(1, 2)


def saves_products(x: Tensor, out_channels: int) -> bool:
    """Whether minimal filtering is faster for features (B, C, T).

    Args:
        x (Tensor): Features.
        out_channels (int): O.

    Returns:
        bool: True on a CPU in full precision with many channels; a GPU has
        its own fast convolutions.
    """
    return (x.device.type == 'cpu' and not is_traced()
            and compute_dtype(x) in (torch.float32, torch.float64)
            and min(x.size(1), out_channels) >= MIN_CHANNELS)


def minimal_kernel(weight: Tensor) -> MinimalKernel:
    """Evaluate taps (O, C, K) at the points of minimal filtering."""
    taps = weight.permute(2, 1, 0)
    taps = F.pad(taps, (0, -taps.size(2) % COLUMN_MULTIPLE))
    parts = tuple(
        torch.tensordot(_Transforms.of(len(part), part).taps, part, 1)
        for part in taps.tensor_split(-(-len(taps) // MAX_TAPS)))
    return MinimalKernel(parts, len(weight))


def _is_narrow(x: Tensor, kernel: Tensor) -> bool:
    """Whether a convolution has few outputs, and runs on a CPU."""
    return (x.device.type == 'cpu' and not is_traced()
            and kernel.size(0) * kernel.size(2) <= x.size(1))


def _narrow_conv(x: Tensor, kernel: Tensor, bias: Optional[Tensor]) -> Tensor:
    """Convolution with few outputs: one product, of which taps are views."""
    num_out, _, num_taps = kernel.shape
    rows = x.transpose(1, 2) @ kernel.permute(1, 2, 0).flatten(1)
    rows = F.pad(rows, (0, 0, num_taps // 2, num_taps // 2))
    y = sum(rows[:, s:s + x.size(2), s * num_out:(s + 1) * num_out]
            for s in range(num_taps))
    return (y if bias is None else y + bias).transpose(1, 2)


def _num_taps(kernel: MinimalKernel) -> int:
    return sum(len(part) - NUM_OUTPUTS + 1 for part in kernel.parts)


class _Transforms(NamedTuple):
    """The matrices of minimal filtering."""

    outputs: Tensor  #: A, (m, a)
    taps: Tensor  #: G, (a, r)
    inputs: Tensor  #: B, (a, a)

    @classmethod
    def of(cls, num_taps: int, like: Tensor) -> '_Transforms':
        """The matrices for r taps, in the dtype of ``like``."""
        # no tensors are kept: they would belong to the mode they arose in
        return cls(*(torch.from_numpy(matrix).to(like.dtype)
                     for matrix in _matrices(num_taps)))


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
    return (evaluate(NUM_OUTPUTS).T.copy(), evaluate(num_taps) * scale,
            inputs / scale)


class _MinimalConv(torch.autograd.Function):
    """Minimal filtering; keeps the rows, not what they become at points."""

    @staticmethod
    def forward(ctx, x: Tensor, bias: Optional[Tensor], *kernel:
                Tensor) -> Tensor:
        """Rows (N, C) and parts of a kernel (a, C, O) to (N, O)."""
        ctx.save_for_backward(x, *kernel)
        tiles = _Tiles(x, kernel)
        out = x.new_empty(tiles.num, NUM_OUTPUTS, kernel[0].size(2))
        for block in tiles.blocks():
            for i, (part, matrices) in enumerate(zip(kernel, tiles.matrices)):
                products = torch.bmm(tiles.at_points(i, block), part)
                products = products.transpose(0, 1)  # (tiles, a, O)
                if i == 0:
                    torch.matmul(matrices.outputs, products, out=out[block])
                else:
                    out[block] += matrices.outputs @ products
            if bias is not None:
                out[block] += bias
        return out.flatten(0, 1)[:len(x)]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Optional[Tensor], ...]:
        x, *kernel = ctx.saved_tensors
        # features of a file need none, and have the most channels
        needs_rows, needs_bias, *_ = ctx.needs_input_grad
        grad_bias = grad.sum(0) if needs_bias else None
        tiles = _Tiles(x, kernel)
        tail = tiles.num * NUM_OUTPUTS - len(x)
        grad = F.pad(grad, (0, 0, 0, tail)).unflatten(0, (-1, NUM_OUTPUTS))
        grad_kernel = [torch.zeros_like(part) for part in kernel]
        grad_rows = torch.zeros_like(tiles.rows) if needs_rows else None
        for block in tiles.blocks():
            for i, (part, matrices) in enumerate(zip(kernel, tiles.matrices)):
                spread = matrices.outputs.t() @ grad[block]  # (tiles, a, O)
                spread = spread.transpose(0, 1).contiguous()
                points = tiles.at_points(i, block)
                grad_kernel[i].baddbmm_(points.transpose(1, 2), spread)
                if not needs_rows:
                    continue
                spread = torch.bmm(spread, part.transpose(1, 2))
                spread = matrices.inputs.t() @ spread.transpose(0, 1)
                tiles.add_windows(grad_rows, i, block, spread)
        if needs_rows:
            grad_rows = grad_rows[tiles.pad:tiles.pad + len(x)]
        return (grad_rows, grad_bias, *grad_kernel)


class _Tiles:
    """Rows cut into tiles of m outputs, with the windows these read.

    Args:
        x (Tensor): Rows, (N, C).
        kernel (Sequence[Tensor]): Parts of a kernel, (a, C, O).
    """

    def __init__(self, x: Tensor, kernel: Tuple[Tensor, ...]) -> None:
        taps = [len(part) - NUM_OUTPUTS + 1 for part in kernel]
        self.matrices = [_Transforms.of(num, x) for num in taps]
        self.starts = [sum(taps[:i]) for i in range(len(taps))]
        self.pad = sum(taps) // 2
        self.num = -(-len(x) // NUM_OUTPUTS)
        behind = self.num * NUM_OUTPUTS - len(x) + self.pad
        margin = x.new_zeros(max(self.pad, behind), x.size(1))
        self.rows = torch.cat((margin[:self.pad], x, margin[:behind]))

    def blocks(self) -> Iterator[slice]:
        """Slices of tiles."""
        numbers = max(map(len, (m.inputs for m in self.matrices)))
        numbers *= self.rows.size(1)
        size = max(BLOCK_SIZE // numbers, MIN_BLOCK)
        for start in range(0, self.num, size):
            yield slice(start, min(start + size, self.num))

    def at_points(self, part: int, block: slice) -> Tensor:
        """Windows of a part of the kernel at its points, (a, tiles, C)."""
        inputs = self.matrices[part].inputs
        first = block.start * NUM_OUTPUTS + self.starts[part]
        rows = self.rows[first:]
        windows = rows.as_strided(
            (block.stop - block.start, len(inputs), rows.size(1)),
            (NUM_OUTPUTS * rows.stride(0), *rows.stride()),
            rows.storage_offset())
        return (inputs @ windows).transpose(0, 1).contiguous()

    def add_windows(self, total: Tensor, part: int, block: slice,
                    windows: Tensor) -> None:
        """Add windows (tiles, a, C) to where :meth:`at_points` read them."""
        num_tiles, num_points, channels = windows.shape
        first = block.start * NUM_OUTPUTS + self.starts[part]
        for start in range(0, num_points, NUM_OUTPUTS):
            piece = windows[:, start:start + NUM_OUTPUTS]
            rows = total[first + start:]
            rows.as_strided(piece.shape, (NUM_OUTPUTS * channels, channels, 1),
                            rows.storage_offset()).add_(piece)
