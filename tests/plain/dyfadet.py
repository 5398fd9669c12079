"""The published detectors written straight from their definitions, and slow.

Functions over the parameters of a model, level by level in (B, C, T): the
shifted grid is materialised, every convolution, LayerNorm and scale path is
computed on every cell, padding included. No layer's ``forward`` is called.

The statistics cover padding, as in the published code, which is why padding
cannot be ignored here, and stochastic depth is left out. Gradients reach the
parameters. Shapes: features (B, C, T), masks (B, 1, T) bool, shifted grids
(B, C, K, T), which convolutions read channel after channel as (B, C * K, T).

DyFADet, and with the layers of ``peers.py`` ActionFormer and TriDet.

Reference:
    Yang et al., DyFADet, ECCV 2024, Eq. (1)-(9).
"""
from typing import Tuple

import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.models import (ConvAttention, ConvTower, DFAAtt, DFAConv1d,
                               DyLayer, DynELayer, FPN1d, LocalAttentionLayer,
                               SGPLayer, TemporalGate, TridentHead)
from dyfadet_mm.structures import Cells, Padding, Pyramid
from dyfadet_mm.utils.typing import TensorTuple
from .ops import (activate, conv, layer_norm, masked_conv, position, repeat,
                  scaled, shift)
from .peers import plain_attention_layer


def plain_forward(model: nn.Module, inputs: Tensor,
                  cells: Cells) -> Tuple[TensorTuple, ...]:
    """Raw outputs of a detector.

    Args:
        model (SingleStageTAD): Whose parameters are read.
        inputs (Tensor): Video features, zero on padding, (B, C_in, T).
        cells (Cells): Which of them are valid.

    Returns:
        tuple: Class logits (B, A, T_l) and offsets in strides (B, 2, T_l) of
        every level, T_l = ceil(T / 2^l).
    """
    return plain_head(model.head, plain_extract_feat(model, inputs, cells))


def plain_extract_feat(model: nn.Module, inputs: Tensor,
                       cells: Cells) -> Pyramid:
    """Encoder and neck: features (B, C, T_l) and cells of every level."""
    pyramid = plain_backbone(model.backbone, inputs, cells)
    return pyramid if model.neck is None else plain_neck(model.neck, pyramid)


def plain_backbone(backbone: nn.Module, x: Tensor, cells: Cells) -> Pyramid:
    """Embedding, stem and one layer per further level."""
    mask = cells.mask
    for embed, norm in zip(backbone.embed, backbone.embed_norms):
        x = layer_norm(norm, masked_conv(embed, x, mask)).relu()
        if cells.padding is Padding.OPENTAD:
            x = x * mask
    if backbone.position is not None:
        x = x + position(backbone.position, x.size(2)).to(x) * mask
    for layer in backbone.stem:
        x = plain_layer(layer, x, cells)
    feats, levels = [x], [cells]
    for layer in backbone.branch:
        feats.append(plain_layer(layer, feats[-1], levels[-1]))
        levels.append(levels[-1].halved)
    return Pyramid(tuple(feats), tuple(levels))


def plain_layer(layer: nn.Module, x: Tensor, cells: Cells) -> Tensor:
    """Layer of an encoder, features of its level."""
    if isinstance(layer, LocalAttentionLayer):
        return plain_attention_layer(layer, x, cells)
    return plain_dyne_layer(layer, x, cells)


def plain_dyne_layer(layer: DynELayer, x: Tensor, cells: Cells) -> Tensor:
    """DynE layer, Eq. (5)-(7), or SGP layer: features of its level.

    The only difference is that SGP's windows are not rectified.
    """
    if layer.stride > 1:
        if getattr(layer, 'downsample', None) is not None:
            x = conv(layer.downsample, F.avg_pool1d(x, 2, ceil_mode=True))
        else:
            x = F.max_pool1d(x, 3, layer.stride, padding=1)
    mask = cells.at(layer.stride).mask
    h = layer_norm(layer.norm, x)
    instance = conv(layer.phi, h.mean(2, keepdim=True)).relu()  # (B, C, 1)
    window = conv(layer.window, h) + conv(layer.wide, h)
    if not isinstance(layer, SGPLayer):
        window = window.relu()
    out = conv(layer.fc, h) * instance + window * conv(layer.psi, h) + h
    out = x * mask + scaled(layer.drop_path_out, out)
    norm = layer.group_norm
    hidden = F.group_norm(out, norm.num_groups, norm.weight, norm.bias,
                          norm.eps)
    hidden = F.gelu(conv(layer.mlp[0], hidden))
    return out + scaled(layer.drop_path_mlp, conv(layer.mlp[2], hidden))


def plain_neck(neck: nn.Module, pyramid: Pyramid) -> Pyramid:
    """A LayerNorm per level, after top-down fusion in an FPN."""
    feats, masks = pyramid.feats, pyramid.masks
    if isinstance(neck, FPN1d):
        feats = [
            masked_conv(lateral, x, mask)
            for lateral, x, mask in zip(neck.lateral_convs, feats, masks)
        ]
        for level in range(len(feats) - 1, 0, -1):
            feats[level - 1] = feats[level - 1] + repeat(
                feats[level], feats[level - 1].size(2))
        feats = [
            masked_conv(fpn_conv, x, mask)
            for fpn_conv, x, mask in zip(neck.fpn_convs, feats, masks)
        ]
    feats = tuple(layer_norm(norm, x) for norm, x in zip(neck.norms, feats))
    return pyramid._replace(feats=feats)


def plain_head(head: nn.Module, pyramid: Pyramid) -> Tuple[TensorTuple, ...]:
    """Class logits (B, A, T_l) and offsets (B, 2, T_l) of every level.

    Of a Trident head, logits of bins, starts and ends follow the classes'.
    """
    feats, masks = pyramid.feats, pyramid.masks
    cls_feats = plain_tower(head.cls_tower, feats, masks)
    reg_feats = plain_tower(head.reg_tower, feats, masks)
    shown = masks
    if pyramid.cells[0].padding is Padding.OPENTAD:
        shown = (1., ) * len(masks)
    cls_logits = tuple(
        masked_conv(head.conv_cls, x, mask)
        for x, mask in zip(cls_feats, shown))
    offsets = tuple(
        (masked_conv(head.conv_reg, x, mask) * scalar.scale).relu()
        for scalar, x, mask in zip(head.scales, reg_feats, shown))
    if not isinstance(head, TridentHead):
        return cls_logits, offsets
    feats = tuple(x.detach() for x in feats)
    starts, ends = (tuple(
        masked_conv(final, x, mask)
        for x, mask in zip(plain_tower(tower, feats, masks), masks))
                    for tower, final in ((head.start_tower, head.conv_start),
                                         (head.end_tower, head.conv_end)))
    return cls_logits, offsets, starts, ends


def plain_tower(tower: nn.Module, feats: TensorTuple,
                masks: TensorTuple) -> TensorTuple:
    """Static or dynamic tower: features (B, C_out, T_l) of every level."""
    if isinstance(tower, ConvTower):
        for static, norm in zip(tower.convs, tower.norms):
            feats = tuple(
                layer_norm(norm, masked_conv(static, x, mask)).relu()
                for x, mask in zip(feats, masks))
        return feats
    for layer in tower.layers:
        feats = plain_dy_layer(layer, feats, masks)
    return feats


def plain_dy_layer(layer: DyLayer, feats: TensorTuple,
                   masks: TensorTuple) -> TensorTuple:
    """Layer of the dynamic tower, Eq. (8)-(9).

    Both scale paths run on all cells of the neighbour, and the resize takes
    what it needs of them.
    """
    outs = []
    for level, x in enumerate(feats):
        neighbours = []
        if level > 0:
            finer = plain_dfa_att(layer.down, feats[level - 1],
                                  masks[level - 1])
            neighbours.append(finer[..., ::2])
        if level + 1 < len(feats):
            coarser = plain_dfa_att(layer.up, feats[level + 1],
                                    masks[level + 1])
            neighbours.append(repeat(coarser, x.size(2)))
        fused = layer.gamma * sum(neighbours) + layer.alpha * x
        out = plain_dfa_att(layer.depth, fused, masks[level])
        if layer.residual:
            out = out + fused * masks[level]
        outs.append(out.relu())
    return tuple(outs)


def plain_dfa_att(layer: DFAAtt, x: Tensor, mask: Tensor) -> Tensor:
    """Attention over shifted cells, Fig. 3b: ``LN(W (A * x_s) + b) * mask``.

    Args:
        layer (DFAAtt): Whose parameters are read.
        x (Tensor): Features, (B, C_in, T).
        mask (Tensor): Valid cells, (B, 1, T).

    Returns:
        Tensor: Features, zero on padding, (B, C_out, T).
    """
    part = layer.attention
    shifted = shift(x, layer.mix.num_taps)  # (B, C, K, T)
    if isinstance(part, ConvAttention):
        taps = shifted.flatten(1, 2)  # (B, C * K, T)
        value = layer_norm(part.norm, conv(part.conv, taps)) * mask
        gate = activate(part.act, conv(part.gate, taps)) * mask
        attention = (value * gate)[:, :, None]  # (B, C, 1, T)
    else:
        attention = plain_gate(part.gate, x, mask) * shifted
    mixed = conv(layer.mix, (attention * shifted).flatten(1, 2))
    return layer_norm(layer.norm, mixed) * mask


def plain_dfa_conv(op: DFAConv1d, x: Tensor, mask: Tensor) -> Tensor:
    """Convolution with gated taps, Eq. (4): ``(W (M * x_s) + b) * mask``."""
    x = x * mask
    gated = plain_gate(op.gate, x, mask) * shift(x, op.kernel_size)
    return (conv(op.mix, gated.flatten(1, 2)) * mask)[..., ::op.stride]


def plain_gate(gate: TemporalGate, x: Tensor, mask: Tensor) -> Tensor:
    """Weights of the shifted cells, Eq. (1)-(3).

    The shape of the convolution tells the formation: dense for ``'k'``, else
    one output (``'c'``) or K outputs (``'ck'``) per channel.

    Args:
        gate (TemporalGate): Whose parameters are read.
        x (Tensor): Features, (B, C, T).
        mask (Tensor): Valid cells, (B, 1, T).

    Returns:
        Tensor: Weights, zero on padding, (B, C or 1, K or 1, T).
    """
    weight = activate(gate.act, conv(gate.conv, x)) * mask  # (B, G, T)
    dense = gate.conv.weight.size(1) == x.size(1)
    return weight.unflatten(1, (1 if dense else x.size(1), -1))
