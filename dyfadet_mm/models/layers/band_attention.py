"""Attention of every cell to its neighbours, linear in the length."""
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

# queries that share their keys, the fastest on CPUs for windows up to 2 * 16
MIN_BLOCK = 32


def band_attention(query: Tensor,
                   key: Tensor,
                   value: Tensor,
                   valid: Tensor,
                   num_heads: int,
                   reach: Optional[int] = None,
                   position_bias: Optional[Tensor] = None) -> Tensor:
    """Softmax attention to the valid cells, all or those nearby.

    Neighbouring queries share a block of keys, so that nothing of T x T is
    ever computed where ``reach`` is given. Channel h * d + j belongs to head
    h; scores are divided by the root of d.

    Args:
        query, key, value (Tensor): Of every cell, (B, T, C).
        valid (Tensor): Cells that are attended to, (B, T) bool.
        num_heads (int): H, a divisor of C.
        reach (int, optional): Farthest distance |i - j| at which cell i
            attends to cell j. Defaults to None, any.
        position_bias (Tensor, optional): Added to the score of head h at the
            distance j - i, entry j - i + reach, (H, 2 * reach + 1).

    Returns:
        Tensor: Mean values, (B, T, C), of no meaning, but finite, where no
        valid cell is within reach.
    """
    num_videos, total, _ = query.shape
    if reach is None:
        return _attend(query, key, value, num_heads,
                       _forbid(valid[:, None, None], query.dtype))
    near = min(reach, total - 1)
    size = min(max(2 * near, MIN_BLOCK), total)  # of a block of queries
    span = size + 2 * near
    rest = -total % size

    def blocks(x: Tensor) -> Tensor:
        """Cells (B, T, C) that each block attends to, (B * N, span, C)."""
        x = F.pad(x, (0, 0, near, near + rest)).unfold(1, span, size)
        return x.transpose(2, 3).flatten(0, 1)

    query = F.pad(query, (0, 0, 0, rest)).view(-1, size, query.size(2))
    steps = torch.arange(span, device=query.device)
    distance = steps - near - steps[:size, None]  # (size, span)
    in_grid = blocks(valid[..., None]).transpose(1, 2)  # (B * N, 1, span)
    bias = _forbid((in_grid & (distance.abs() <= near))[:, None], query.dtype)
    if position_bias is not None:
        index = (distance + reach).clamp(0, 2 * reach)
        bias = bias + position_bias[:, index].to(query.dtype)
    out = _attend(query, blocks(key), blocks(value), num_heads, bias)
    return out.view(num_videos, -1, out.size(2))[:, :total]


def _forbid(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """Zero where attention is allowed, else as good as minus infinity.

    Finite, so that a query without any key has an output.
    """
    bias = torch.zeros(allowed.shape, dtype=dtype, device=allowed.device)
    return bias.masked_fill(~allowed, torch.finfo(dtype).min / 2)


def _attend(query: Tensor, key: Tensor, value: Tensor, num_heads: int,
            bias: Tensor) -> Tensor:
    """Attention with several heads, (N, Q, C) and (N, K, C) to (N, Q, C)."""
    heads = (
        x.unflatten(2, (num_heads, -1)).transpose(1, 2)
        for x in (query, key, value))
    out = F.scaled_dot_product_attention(*heads, attn_mask=bias)
    return out.transpose(1, 2).flatten(2)
