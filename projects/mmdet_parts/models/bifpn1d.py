from typing import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from dyfadet_mm.models.layers import ChannelLayerNorm, MaskedConv1d
from dyfadet_mm.models.layers.dyne_layer import halve
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Pyramid
from dyfadet_mm.utils.checks import check_num_levels
from dyfadet_mm.utils.typing import OptMultiConfig, TensorTuple


class FusionNode(BaseModule):
    """One output of a BiFPN layer.

    ``LN(pointwise(depthwise(SiLU(sum_i w_i x_i / (sum_i w_i + eps)))))`` with
    the learned weights ``w_i`` kept from below 0 by a ReLU.

    Args:
        channels (int): C, of inputs and output.
        num_inputs (int): Number of inputs.
        eps (float): Keeps the divisor from 0. Defaults to 1e-4.
    """

    def __init__(self,
                 channels: int,
                 num_inputs: int,
                 eps: float = 1e-4) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(num_inputs))
        self.depthwise = MaskedConv1d(
            channels, channels, 3, groups=channels, bias=False)
        self.pointwise = MaskedConv1d(channels, channels, 1, bias=False)
        self.norm = ChannelLayerNorm(channels)

    def forward(self, inputs: Sequence[Tensor], mask: Tensor) -> Tensor:
        """Fuse features of one level.

        Args:
            inputs (Sequence[Tensor]): Features, (B, C, T).
            mask (Tensor): Valid cells, (B, 1, T).

        Returns:
            Tensor: Features, zero on padding, (B, C, T).
        """
        weight = self.weight.relu()
        weight = weight / (weight.sum() + self.eps)
        x = sum(w * x for w, x in zip(weight, inputs))
        # neighbouring levels reach into the padding of this one
        x = F.silu(x) * mask
        x = self.pointwise(self.depthwise(x, mask), mask)
        return self.norm(x) * mask


class BiFPNLayer(BaseModule):
    """Once from coarse to fine, then from fine to coarse.

    ::

        t_l = node(f_l, repeat(t_{l+1}, 2))     with t of the coarsest = f
        o_l = node(f_l, t_l, halve(o_{l-1}))    with o of the finest = t

    The coarsest level has no ``t_l`` of its own to fuse.

    Args:
        channels (int): C, of all levels.
        num_levels (int): Levels of the pyramid, at least 2.
    """

    def __init__(self, channels: int, num_levels: int) -> None:
        super().__init__()
        self.top_down = ModuleList(
            FusionNode(channels, 2) for _ in range(num_levels - 1))
        self.bottom_up = ModuleList(
            FusionNode(channels, 3 if level < num_levels - 1 else 2)
            for level in range(1, num_levels))

    def forward(self, feats: TensorTuple, masks: TensorTuple) -> TensorTuple:
        """Fuse the levels; shapes as in :class:`BiFPN1d`, C_in = C_out."""
        downs = list(feats)
        for level in reversed(range(len(feats) - 1)):
            coarse = downs[level + 1].repeat_interleave(2, 2)
            inputs = (feats[level], coarse[..., :feats[level].size(2)])
            downs[level] = self.top_down[level](inputs, masks[level])
        outs = downs[:1]
        for level in range(1, len(feats)):
            inputs = [feats[level], halve(outs[-1], masks[level - 1])]
            if level < len(feats) - 1:
                inputs.insert(1, downs[level])
            outs.append(self.bottom_up[level - 1](inputs, masks[level]))
        return tuple(outs)


@MODELS.register_module()
class BiFPN1d(BaseModule):
    """Weighted feature pyramid in both directions, over time.

    A 1x1 convolution and a LayerNorm per level, then ``num_layers`` layers.
    Padding counts nowhere and stays zero. LayerNorms stand in for the batch
    norms of the original, as videos come in small batches.

    Args:
        in_channels (int): Channels of every input level.
        out_channels (int): Channels of every output level.
        num_levels (int): Levels of the pyramid, at least 2.
        num_layers (int): Number of :class:`BiFPNLayer`. Defaults to 3.
        init_cfg (dict | list[dict], optional): Initialisation.

    Raises:
        ValueError: If ``num_levels`` is below 2.

    Reference:
        Tan et al., EfficientDet, CVPR 2020, Sec. 3.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 num_levels: int,
                 num_layers: int = 3,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        if num_levels < 2:
            raise ValueError('num_levels of BiFPN1d must be at least 2, but '
                             f'got {num_levels}')
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_levels = num_levels
        self.lateral_convs = ModuleList(
            MaskedConv1d(in_channels, out_channels, 1, bias=False)
            for _ in range(num_levels))
        self.norms = ModuleList(
            ChannelLayerNorm(out_channels) for _ in range(num_levels))
        self.layers = ModuleList(
            BiFPNLayer(out_channels, num_levels) for _ in range(num_layers))

    def forward(self, pyramid: Pyramid) -> Pyramid:
        """Fuse the levels.

        Args:
            pyramid (Pyramid): Features (B, C_in, T_l) of every level.

        Returns:
            Pyramid: Features, zero on padding, (B, C_out, T_l).

        Raises:
            ValueError: If there are not ``num_levels`` levels.
        """
        feats, masks = pyramid.feats, pyramid.masks
        check_num_levels(feats, self.num_levels, 'num_levels of the neck')
        feats = tuple(
            norm(conv(x, mask)) * mask for norm, conv, x, mask in zip(
                self.norms, self.lateral_convs, feats, masks))
        for layer in self.layers:
            feats = layer(feats, masks)
        return Pyramid(feats, pyramid.cells)
