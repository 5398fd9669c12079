"""Convolution whose taps are weighed at every cell, the core of DFA.

With the shifted grid ``x_s(t) = x(t + s - K // 2)``, zero outside::

    y(t) = sum_s W_s (M_s(r t) * x_s(r t)^p) + b

Reference:
    Yang et al., DyFADet, ECCV 2024, Sec. 3.1, Eq. (1)-(4).
"""
from functools import reduce
from typing import Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .dispatch import compute_dtype, is_traced

# numbers made at a time, few enough for the cache of a CPU
BLOCK_SIZE = 2**20


def gated_taps(x: Tensor,
               gate: Tensor,
               weight: Tensor,
               bias: Tensor,
               stride: int = 1,
               power: int = 1) -> Tensor:
    """Mix the weighed taps, to (B, O, T').

    The weighed taps live only while they are needed, on a CPU for a block of
    cells at a time; the backward pass makes them again.

    Args:
        x (Tensor): Features, (B, C, T).
        gate (Tensor): M, (B, C or 1, K or 1, T'), T' = ceil(T / r).
        weight (Tensor): ``W_s`` of every tap, (O, C, K).
        bias (Tensor): (O, ).
        stride (int): r. Defaults to 1.
        power (int): p. Defaults to 1.
    """
    if is_traced():
        return gated_taps_reference(x, gate, weight, bias, stride, power)
    dtype, length = compute_dtype(x), gate.size(3)
    rows, gate = x.transpose(1, 2), gate.permute(0, 3, 1, 2)
    if len(x) > 1:  # zeros between videos, each begins at a whole stride
        gap = weight.size(2) // 2 + stride
        gap -= (x.size(2) + gap) % stride
        rows = F.pad(rows, (0, 0, 0, gap))
        rest = rows.size(1) // stride - length
        gate = F.pad(gate, (0, 0, 0, 0, 0, rest))
    y = _GatedTaps.apply(
        rows.flatten(0, 1).to(dtype),
        gate.flatten(0, 1).to(dtype), weight.to(dtype), bias.to(dtype), stride,
        power)
    return y.unflatten(0, (len(x), -1))[:, :length].transpose(1, 2)


def gated_taps_reference(x: Tensor,
                         gate: Tensor,
                         weight: Tensor,
                         bias: Tensor,
                         stride: int = 1,
                         power: int = 1) -> Tensor:
    """:func:`gated_taps` by its definition."""
    x = x if power == 1 else x**power
    taps = shifted_grid(x, weight.size(2))[..., ::stride]  # Eq. (1)
    weighed = gate * taps  # Eq. (3), (B, C, K, T')
    weighed = weighed.permute(0, 3, 1, 2).flatten(2)
    mixed = F.linear(weighed, weight.flatten(1), bias)  # Eq. (4)
    return mixed.transpose(1, 2)


def shifted_grid(x: Tensor, kernel_size: int) -> Tensor:
    """Features (B, C, T) of the K cells around each, (B, C, K, T).

    Entry s is ``x(t + s - K // 2)``, zero outside the grid.
    """
    padded = F.pad(x, (kernel_size // 2, kernel_size // 2))
    return torch.stack(
        [padded[..., s:s + x.size(2)] for s in range(kernel_size)], 2)


class _GatedTaps(torch.autograd.Function):
    """On rows; keeps features, gate and weight, no weighed tap."""

    @staticmethod
    def forward(ctx, x: Tensor, gate: Tensor, weight: Tensor, bias: Tensor,
                stride: int, power: int) -> Tensor:
        """Rows (N, C) and gate (M, C or 1, K or 1) to (M, O)."""
        ctx.save_for_backward(x, gate, weight)
        ctx.stride, ctx.power = stride, power
        # (M, K, C)
        _, taps = _taps(x, weight.size(2), stride, len(gate), power)
        kernel, gate = _kernel(weight).t(), gate.transpose(1, 2)
        out = x.new_empty(len(gate), len(weight))
        blocks = _blocks(taps)
        # one buffer, in the order of the kernel
        buffer = x.new_empty(taps[blocks[0]].shape)
        for block in blocks:
            tap = taps[block]
            weighed = torch.mul(gate[block], tap, out=buffer[:len(tap)])
            torch.addmm(bias, weighed.flatten(1), kernel, out=out[block])
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Optional[Tensor], ...]:
        x, gate, weight = ctx.saved_tensors
        num_taps, stride, power = weight.size(2), ctx.stride, ctx.power
        rows, taps = _taps(x, num_taps, stride, len(gate), power)
        kernel = _kernel(weight)
        grad_gate = torch.empty_like(gate)
        grad_kernel = torch.zeros_like(kernel)
        grad_rows = torch.zeros_like(rows)
        # the dimensions that the gate is shared along
        shared = [dim for dim in (1, 2) if gate.size(dim) == 1]
        for block in _blocks(taps):
            # all of them (m, K, C), in the order of the kernel
            gates, tap = gate[block].transpose(1, 2), taps[block]
            weighed = torch.mul(gates, tap, out=x.new_empty(tap.shape))
            grad_kernel.addmm_(grad[block].t(), weighed.flatten(1))
            part = (grad[block] @ kernel).view(tap.shape)
            for s in range(num_taps):
                first = block.start * stride + s
                last = first + (len(part) - 1) * stride + 1
                grad_rows[first:last:stride].addcmul_(
                    part[:, s], gates[:, s if gates.size(1) > 1 else 0])
            part *= tap
            by_tap = part.transpose(1, 2)  # (m, C, K)
            grad_gate[block] = by_tap.sum(shared, True) if shared else by_tap
        grad_x = grad_rows[num_taps // 2:][:len(x)]
        if power != 1:
            grad_x = power * reduce(torch.mul, [x] * (power - 1), grad_x)
        grad_weight = grad_kernel.unflatten(1, (num_taps, -1)).transpose(1, 2)
        return grad_x, grad_gate, grad_weight, grad.sum(0), None, None


def _kernel(weight: Tensor) -> Tensor:
    """Taps of (O, C, K) one after the other, (O, K * C)."""
    return weight.transpose(1, 2).flatten(1)


def _taps(x: Tensor, num_taps: int, stride: int, num: int,
          power: int) -> Tuple[Tensor, Tensor]:
    """``x^p`` (N, C) between zeros, and what each tap reads, (num, K, C)."""
    # autocast would take x**p in float32
    x = reduce(torch.mul, [x] * power)
    before = num_taps // 2
    behind = max((num - 1) * stride + num_taps - before - len(x), 0)
    blank = x.new_zeros(max(before, behind), x.size(1))
    # faster than F.pad
    rows = torch.cat((blank[:before], x, blank[:behind]))
    return rows, rows.unfold(0, num_taps, stride)[:num].transpose(1, 2)


def _blocks(taps: Tensor) -> list:
    """Slices of outputs; a GPU has no need of them."""
    num, num_taps, channels = taps.shape
    size = max(BLOCK_SIZE // (num_taps * channels), 1)
    if taps.device.type != 'cpu':
        size = max(num, 1)
    return [
        slice(start, start + size) for start in range(0, max(num, 1), size)
    ]
