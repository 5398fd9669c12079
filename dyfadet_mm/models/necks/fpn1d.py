from mmengine.model import BaseModule, ModuleList
from torch import nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Pyramid
from dyfadet_mm.utils.checks import check_num_levels
from dyfadet_mm.utils.typing import OptMultiConfig
from ..layers import ChannelLayerNorm, MaskedConv1d


@MODELS.register_module()
class FPN1d(BaseModule):
    """Top-down feature pyramid over time.

    Lateral 1x1 convolutions, a top-down sum with nearest up-sampling, a
    depth-wise convolution and a LayerNorm per level. Padding is normalised
    too, unless it is ignored.

    Args:
        in_channels (int): Channels of every input level.
        out_channels (int): Channels of every output level.
        num_levels (int): Levels of the pyramid.
        norm (bool): Whether a LayerNorm ends each level; the convolutions
            have a bias only without it. Defaults to True.
        init_cfg (dict | list[dict], optional): Initialisation.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 num_levels: int,
                 norm: bool = True,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_levels = num_levels
        self.lateral_convs = ModuleList(
            MaskedConv1d(in_channels, out_channels, 1, bias=not norm)
            for _ in range(num_levels))
        self.fpn_convs = ModuleList(
            MaskedConv1d(
                out_channels,
                out_channels,
                3,
                groups=out_channels,
                bias=not norm) for _ in range(num_levels))
        self.norms = ModuleList(
            ChannelLayerNorm(out_channels) if norm else nn.Identity()
            for _ in range(num_levels))

    def init_weights(self) -> None:
        """Zero the biases of the convolutions."""
        for conv in (*self.lateral_convs, *self.fpn_convs):
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
        super().init_weights()

    def forward(self, pyramid: Pyramid) -> Pyramid:
        """Fuse the levels from coarse to fine, (B, C_out, T_l).

        Raises:
            ValueError: If there are not ``num_levels`` levels.
        """
        feats, levels = pyramid
        check_num_levels(feats, self.num_levels, 'num_levels of the neck')
        laterals = [
            conv(x, cells.mask)
            for conv, x, cells in zip(self.lateral_convs, feats, levels)
        ]
        for level in range(len(laterals) - 1, 0, -1):
            length = laterals[level - 1].size(2)
            coarse = laterals[level].repeat_interleave(2, 2)[..., :length]
            laterals[level - 1] = levels[level - 1].clean(laterals[level - 1] +
                                                          coarse)
        feats = tuple(
            cells.clean(norm(conv(x, cells.mask))) for norm, conv, x, cells in
            zip(self.norms, self.fpn_convs, laterals, levels))
        return Pyramid(feats, levels)
