"""Dense convolutions of rows, with fewer products where that is faster.

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

import torch
import torch.nn.functional as F
from torch import Tensor

from .derived import is_compiling
from .packing import ALL_ROWS, add_taps, tap_rows
from .precision import compute_dtype

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


#: Taps as :func:`direct_kernel` or :func:`minimal_kernel` lays them out.
Kernel = Union[Tensor, MinimalKernel]


class Transforms(NamedTuple):
    """The matrices of minimal filtering."""

    outputs: Tensor  #: A, (m, a)
    taps: Tensor  #: G, (a, r)
    inputs: Tensor  #: B, (a, a)


@lru_cache(maxsize=None)
def transforms(num_taps: int, dtype: torch.dtype) -> Transforms:
    """The matrices for ``num_taps`` taps and ``NUM_OUTPUTS`` outputs.

    Args:
        num_taps (int): r, at most ``MAX_TAPS``.
        dtype (torch.dtype): Of the matrices, which are made in float64.

    Returns:
        Transforms: A, G and B.
    """
    num_points = NUM_OUTPUTS + num_taps - 1
    points = torch.tensor(POINTS[:num_points - 1], dtype=torch.float64)

    def evaluate(length: int) -> Tensor:
        """A polynomial of that many coefficients at all points."""
        powers = points[:, None]**torch.arange(length)
        infinity = torch.eye(length, dtype=points.dtype)[-1:]
        return torch.cat((powers, infinity))  # (a, length)

    inputs = torch.linalg.inv(evaluate(num_points)).t()
    scale = inputs.abs().amax(1, keepdim=True)  # keeps numbers near 1
    matrices = (evaluate(NUM_OUTPUTS).t(), evaluate(num_taps) * scale,
                inputs / scale)
    return Transforms(*(matrix.to(dtype) for matrix in matrices))


def saves_products(x: Tensor, out_channels: int) -> bool:
    """Whether minimal filtering is faster for rows (N, C).

    Args:
        x (Tensor): Features whose last axis are the channels.
        out_channels (int): O.

    Returns:
        bool: True on a CPU in full precision with many channels; a GPU has
        its own fast convolutions.
    """
    return (x.device.type == 'cpu' and not is_compiling()
            and compute_dtype(x) in (torch.float32, torch.float64)
            and min(x.size(-1), out_channels) >= MIN_CHANNELS)


def direct_kernel(taps: Tensor) -> Tensor:
    """Lay taps (J, C, O) out for the direct convolution.

    Returns:
        Tensor: As of an image of one row and in channels-last order, the
        fastest one, (O, C, 1, J).
    """
    return taps.permute(2, 0, 1).contiguous()[:, None].permute(0, 3, 1, 2)


def minimal_kernel(taps: Tensor) -> MinimalKernel:
    """Evaluate taps (J, C, O) at the points of minimal filtering."""
    num_parts = -(-len(taps) // MAX_TAPS)
    padded = F.pad(taps, (0, -taps.size(2) % COLUMN_MULTIPLE))
    parts = tuple(
        torch.tensordot(transforms(len(part), part.dtype).taps, part, 1)
        for part in padded.tensor_split(num_parts))
    return MinimalKernel(parts, taps.size(2))


def conv_rows(x: Tensor,
              kernel: Kernel,
              bias: Optional[Tensor] = None) -> Tensor:
    """Convolve rows, zeros around them.

    Args:
        x (Tensor): Rows, (N, C).
        kernel (Tensor | MinimalKernel): An odd number of taps.
        bias (Tensor, optional): (O, ). Defaults to None.

    Returns:
        Tensor: Rows, (N, O).
    """
    if isinstance(kernel, Tensor):
        dtype = compute_dtype(x)
        if bias is not None:
            bias = bias.to(dtype)
        return _DirectConv.apply(x.to(dtype), kernel.to(dtype), bias)
    y = _MinimalConv.apply(x, *kernel.parts)[:, :kernel.out_channels]
    return y if bias is None else y + bias


class _DirectConv(torch.autograd.Function):
    """Convolution of rows; its gradients are matrix products.

    On a CPU those are twice as fast as the gradients of a convolution in
    channels-last order, which in turn is the faster way forward.
    """

    @staticmethod
    def forward(ctx, x: Tensor, taps: Tensor,
                bias: Optional[Tensor]) -> Tensor:
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
        grad_bias = grad.sum(0) if ctx.needs_input_grad[2] else None
        return add_taps(parts, x, num_taps, ALL_ROWS), grad_taps, grad_bias


class _MinimalConv(torch.autograd.Function):
    """Minimal filtering; keeps the rows, not what they become at points."""

    @staticmethod
    def forward(ctx, x: Tensor, *kernel: Tensor) -> Tensor:
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
        return out.flatten(0, 1)[:len(x)]

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Tensor, ...]:
        x, *kernel = ctx.saved_tensors
        tiles = _Tiles(x, kernel)
        tail = tiles.num * NUM_OUTPUTS - len(x)
        grad = F.pad(grad, (0, 0, 0, tail)).unflatten(0, (-1, NUM_OUTPUTS))
        grad_kernel = [torch.zeros_like(part) for part in kernel]
        grad_rows = torch.zeros_like(tiles.rows)
        for block in tiles.blocks():
            for i, (part, matrices) in enumerate(zip(kernel, tiles.matrices)):
                spread = matrices.outputs.t() @ grad[block]  # (tiles, a, O)
                spread = spread.transpose(0, 1).contiguous()
                points = tiles.at_points(i, block)
                grad_kernel[i].baddbmm_(points.transpose(1, 2), spread)
                spread = torch.bmm(spread, part.transpose(1, 2))
                spread = matrices.inputs.t() @ spread.transpose(0, 1)
                tiles.add_windows(grad_rows, i, block, spread)
        grad_x = grad_rows[tiles.pad:tiles.pad + len(x)]
        return (grad_x, *grad_kernel)


class _Tiles:
    """Rows cut into tiles of m outputs, with the windows these read.

    Args:
        x (Tensor): Rows, (N, C).
        kernel (Sequence[Tensor]): Parts of a kernel, (a, C, O).
    """

    def __init__(self, x: Tensor, kernel: Tuple[Tensor, ...]) -> None:
        taps = [len(part) - NUM_OUTPUTS + 1 for part in kernel]
        self.matrices = [transforms(num, x.dtype) for num in taps]
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
