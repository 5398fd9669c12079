"""Attention of every cell to its neighbours, linear in the length."""
import math
from typing import Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.model.weight_init import trunc_normal_
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from dyfadet_mm.utils.checks import check_choice
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .bricks import MaskedConv1d, ScaledDropPath, build_norm
from .dyne_layer import halve

# queries that share their keys, the fastest on CPUs for windows up to 2 * 16
MIN_BLOCK = 32


def band_attention(query: Tensor,
                   key: Tensor,
                   value: Tensor,
                   valid: Tensor,
                   num_heads: int,
                   reach: Optional[int] = None,
                   position_bias: Optional[Tensor] = None) -> Tensor:
    """Softmax attention to the valid cells, all or those nearby, (B, T, C).

    Neighbouring queries share a block of keys, so that nothing of T x T is
    ever computed where ``reach`` is given. Channel h * d + j belongs to head
    h; scores are divided by the root of d. Where no valid cell is within
    reach, outputs are of no meaning, but finite.

    Args:
        query, key, value (Tensor): Of every cell, (B, T, C).
        valid (Tensor): Cells that are attended to, (B, T) bool.
        num_heads (int): H, a divisor of C.
        reach (int, optional): Farthest distance |i - j| at which cell i
            attends to cell j. Defaults to None, any.
        position_bias (Tensor, optional): Added to the score of head h at the
            distance j - i, entry j - i + reach, (H, 2 * reach + 1).
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
    """Zero where attention is allowed, else as good as minus infinity."""
    # finite, so that a query without any key has an output
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


class Projection(nn.Module):
    """Queries, keys or values: depth-wise convolution, LayerNorm, 1x1."""

    def __init__(self, channels: int, stride: int,
                 norm_cfg: ConfigType) -> None:
        super().__init__()
        self.conv = MaskedConv1d(channels, channels, 3, stride, channels,
                                 False)
        self.norm = build_norm(channels, norm_cfg, self)
        self.linear = MaskedConv1d(channels, channels, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Project (B, C, T) to (B, T', C), with the mask of the latter."""
        return self.linear(self.norm(self.conv(x, mask))).transpose(1, 2)


class LocalAttention(nn.Module):
    """Self-attention of every cell to its neighbours.

    Args: See :class:`LocalAttentionLayer`.
    """

    def __init__(self, channels: int, num_heads: int, window: int, stride: int,
                 use_rel_pe: bool, dropout: float,
                 norm_cfg: ConfigType) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.reach = window // 2 if window > 1 else None
        self.query = Projection(channels, stride, norm_cfg)
        self.key = Projection(channels, stride, norm_cfg)
        self.value = Projection(channels, stride, norm_cfg)
        self.proj = MaskedConv1d(channels, channels, 1)
        self.dropout = nn.Dropout(dropout)
        self.rel_pe: Optional[nn.Parameter] = None
        if use_rel_pe and self.reach is not None:
            self.rel_pe = nn.Parameter(torch.empty(1, 1, num_heads, window))
            self.rel_pe.no_decay = True
            trunc_normal_(self.rel_pe, std=math.sqrt(2 / channels))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attend, (B, C, T) with the mask behind the stride to (B, C, T')."""
        out = band_attention(
            self.query(x, mask), self.key(x, mask), self.value(x, mask),
            mask[:, 0].bool(), self.num_heads, self.reach,
            None if self.rel_pe is None else self.rel_pe[0, 0])
        return self.dropout(self.proj(out.transpose(1, 2))) * mask


@MODELS.register_module()
class LocalAttentionLayer(BaseModule):
    """Encoder layer of a transformer that attends to neighbouring cells.

    ::

        out = pool(x) * mask + drop_path(attention(LN(x)))
        out = out + drop_path(MLP(LN(out)) * mask)

    Padding is zero behind the layer. The first norm is not masked: the last
    valid cell reads the bias of the norm in the padded cell behind it, or
    zeros where padding is ignored.

    Args:
        channels (int): C, a multiple of ``num_heads``.
        num_heads (int): Heads of the attention. Defaults to 4.
        window (int): Cells that a cell attends to, itself in the middle; 1
            or less for all. An even one acts as the next odd. Defaults to 19.
        stride (int): 1 keeps the grid, 2 halves it. Defaults to 1.
        use_rel_pe (bool): Whether to learn a bias per head and distance,
            where the window is limited. Defaults to False.
        drop_path_rate (float): Stochastic depth. Defaults to 0.1.
        dropout (float): Behind the attention and in the MLP. Defaults to 0.
        norm_cfg (dict): Of all norms, such as ``eps``. Defaults to ``{}``.

    Raises:
        ValueError: If ``channels`` is no multiple of ``num_heads``, ``stride``
            is not 1 or 2, or ``window`` is even with ``use_rel_pe``.

    Reference:
        Zhang et al., ActionFormer, ECCV 2022, Sec. 3.2.
    """

    #: The kernels of the projections have 3 cells.
    reach = 1

    def __init__(self,
                 channels: int,
                 num_heads: int = 4,
                 window: int = 19,
                 stride: int = 1,
                 use_rel_pe: bool = False,
                 drop_path_rate: float = 0.1,
                 dropout: float = 0.,
                 norm_cfg: ConfigType = dict(),
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        if channels % num_heads:
            raise ValueError('channels must be a multiple of num_heads, '
                             f'{num_heads}, but got {channels}')
        check_choice('stride', stride, (1, 2))
        if use_rel_pe and window > 1 and window % 2 == 0:
            raise ValueError('window must be odd with use_rel_pe=True, but '
                             f'got {window}')
        self.stride = stride
        self.norm1 = build_norm(channels, norm_cfg, self)
        self.attention = LocalAttention(channels, num_heads, window, stride,
                                        use_rel_pe, dropout, norm_cfg)
        self.drop_path_attn = ScaledDropPath(channels, drop_path_rate)
        self.norm2 = build_norm(channels, norm_cfg, self)
        self.mlp = nn.Sequential(
            MaskedConv1d(channels, 4 * channels, 1), nn.GELU(),
            nn.Dropout(dropout), MaskedConv1d(4 * channels, channels, 1),
            nn.Dropout(dropout))
        self.drop_path_mlp = ScaledDropPath(channels, drop_path_rate)

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Encode one level, (B, C, T) to (B, C, ceil(T / stride))."""
        h = cells.clean(self.norm1(x))
        if self.stride == 2:
            x = halve(x, cells.counted)
        mask = cells.at(self.stride).mask
        out = x * mask + self.drop_path_attn(self.attention(h, mask))
        return out + self.drop_path_mlp(self.mlp(self.norm2(out)) * mask)
