"""Layers of ActionFormer and TriDet written straight from their definitions.

As in ``dyfadet.py``, which computes whole detectors: functions over the
parameters of a layer, on every cell, padding included.

Reference:
    Zhang et al., ActionFormer, ECCV 2022; Shi et al., TriDet, CVPR 2023.
"""
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.models import LocalAttentionLayer
from dyfadet_mm.structures import Cells
from .ops import conv, layer_norm, scaled

NEVER = -1e4  # score of a key that is not attended to, as published


def plain_attention_layer(layer: LocalAttentionLayer, x: Tensor,
                          cells: Cells) -> Tensor:
    """Layer of ActionFormer's encoder: features of its level."""
    h = layer_norm(layer.norm1, x)
    mask = cells.at(layer.stride).mask
    if layer.stride > 1:
        x = F.max_pool1d(x, 3, layer.stride, padding=1)
    part = layer.attention
    query, key, value = (
        project(each, h, mask, layer.stride).unflatten(1, (part.num_heads, -1))
        for each in (part.query, part.key, part.value))  # (B, H, d, T)
    out = attend(query / query.size(2)**0.5, key, value, mask, part.reach)
    out = x * mask + scaled(layer.drop_path_attn,
                            conv(part.proj, out.flatten(1, 2)) * mask)
    widen, _, _, narrow, _ = layer.mlp
    hidden = conv(narrow, F.gelu(conv(widen, layer_norm(layer.norm2, out))))
    return out + scaled(layer.drop_path_mlp, hidden * mask)


def project(projection: nn.Module, h: Tensor, mask: Tensor,
            stride: int) -> Tensor:
    """Queries, keys or values, (B, C, T) to (B, C, T')."""
    weight = projection.conv.weight
    h = F.conv1d(
        h, weight, None, stride, weight.size(2) // 2, groups=len(weight))
    return conv(projection.linear, layer_norm(projection.norm, h * mask))


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor,
           reach: Optional[int]) -> Tensor:
    """Softmax attention to the valid cells, (B, H, d, T) to the same.

    With a reach, in overlapping chunks, as published: ``reach`` queries and
    the 3 * ``reach`` keys around them.
    """
    if reach is None:
        score = query.transpose(2, 3) @ key
        score = score.masked_fill(~mask[:, None], NEVER)
        return value @ score.softmax(3).transpose(2, 3)
    total = query.size(3)
    rest = -total % reach

    def chunks(x: Tensor) -> Tensor:
        """Cells around each chunk, (..., T) to (..., N, 3 * reach)."""
        return F.pad(x, (reach, reach + rest)).unfold(-1, 3 * reach, reach)

    query = F.pad(query, (0, rest)).unflatten(3, (-1, reach))
    score = torch.einsum('bhdnq,bhdnk->bhnqk', query, chunks(key))
    cells = torch.arange(3 * reach, device=mask.device)
    distance = cells - reach - cells[:reach, None]
    allowed = chunks(mask.to(score))[:, :, :, None] > 0  # (B, 1, N, 1, 3r)
    score = score.masked_fill(~(allowed & (distance.abs() <= reach)), NEVER)
    out = torch.einsum('bhnqk,bhdnk->bhdnq', score.softmax(4), chunks(value))
    return out.flatten(3)[..., :total]
