import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Pyramid
from dyfadet_mm.utils.checks import check_num_levels, complete_cfg
from dyfadet_mm.utils.typing import ConfigType, OptMultiConfig
from .layers import ChannelLayerNorm, MaskedConv1d, build_norm

__all__ = ['FPN1d', 'IdentityFPN', 'MMDetNeck']


@MODELS.register_module()
class IdentityFPN(BaseModule):
    """Neck that only normalises the levels, each with a LayerNorm of its own.

    Padding is normalised too, as published, unless it is ignored.

    Args:
        channels (int): C, channels of every level.
        num_levels (int): Levels of the pyramid.
        norm (bool): Whether to normalise at all. Defaults to True.
        norm_cfg (dict): Of all norms, such as ``eps``. Defaults to ``{}``.
    """

    def __init__(self,
                 channels: int,
                 num_levels: int,
                 norm: bool = True,
                 norm_cfg: ConfigType = dict(),
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        self.in_channels = self.out_channels = channels
        self.num_levels = num_levels
        self.norms = ModuleList(
            build_norm(channels, norm_cfg, self) if norm else nn.Identity()
            for _ in range(num_levels))

    def forward(self, pyramid: Pyramid) -> Pyramid:
        """Normalise every level, (B, C, T_l).

        Raises:
            ValueError: If there are not ``num_levels`` levels.
        """
        feats, levels = pyramid
        check_num_levels(feats, self.num_levels, 'num_levels of the neck')
        feats = tuple(
            cells.clean(norm(x))
            for norm, x, cells in zip(self.norms, feats, levels))
        return Pyramid(feats, levels)


@MODELS.register_module()
class FPN1d(BaseModule):
    """Top-down feature pyramid over time.

    Lateral 1x1 convolutions, a top-down sum with nearest up-sampling, and a
    depth-wise convolution and LayerNorm per level, of all but ignored padding.

    Args:
        in_channels (int): Channels of every input level.
        out_channels (int): Channels of every output level.
        num_levels (int): Levels of the pyramid.
        norm (bool): Whether a LayerNorm ends each level; the convolutions
            have a bias only without it. Defaults to True.
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
                out_channels, out_channels, groups=out_channels, bias=not norm)
            for _ in range(num_levels))
        self.norms = ModuleList(
            ChannelLayerNorm(out_channels) if norm else nn.Identity()
            for _ in range(num_levels))

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


@MODELS.register_module()
class MMDetNeck(BaseModule):
    """A neck of MMDetection on pyramids over time.

    Necks of MMDetection know no masks. They are given every video alone and
    without its padding, so that padding counts nowhere: a video comes out the
    same in any batch. Where a convolution reaches beyond the end of a video
    it finds the zeros of its own padding.

    Args: Those of :class:`FPN1d` without ``norm``, and
        neck (dict): The neck, such as ``dict(type='mmdet.FPN')``, without
            channels and levels. Convolutions are 1-D and drawn by Xavier's
            rule, unless it has ``conv_cfg`` and ``init_cfg`` of its own.
    """

    def __init__(self,
                 neck: ConfigType,
                 in_channels: int,
                 out_channels: int,
                 num_levels: int,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.num_levels = num_levels
        # MMDetection's default for init_cfg knows Conv2d only
        defaults = dict(
            conv_cfg=dict(type='Conv1d'),
            init_cfg=dict(
                type='Xavier', layer='Conv1d', distribution='uniform'))
        self.neck = MODELS.build(
            complete_cfg(
                dict(defaults, **neck),
                'neck',
                self,
                in_channels=[in_channels] * num_levels,
                out_channels=out_channels,
                num_outs=num_levels))

    def forward(self, pyramid: Pyramid) -> Pyramid:
        """Run the neck on every video, (B, C_out, T_l), zero on padding.

        Raises:
            ValueError: If there are not ``num_levels`` levels, or the neck
                gives other levels than it received.
        """
        feats, levels = pyramid
        check_num_levels(feats, self.num_levels, 'num_levels of the neck')
        videos = []
        for video, length in enumerate(levels[0].lengths):
            # a grid of L cells has ceil(L / 2) on the next level
            lengths = [-(-max(length, 1) >> i) for i in range(len(feats))]
            outs = self.neck(
                [x[video, None, :, :n] for x, n in zip(feats, lengths)])
            # head and masks rely on the levels of the encoder
            expected = [(1, self.out_channels, n) for n in lengths]
            found = [tuple(out.shape) for out in outs]
            if found != expected:
                raise ValueError(
                    f'{type(self.neck).__name__} must give a level for each '
                    f'one that it receives, of shapes {expected}, but got '
                    f'{found}; leave out the options that add or skip levels')
            videos.append([
                F.pad(out, (0, x.size(2) - out.size(2)))
                for out, x in zip(outs, feats)
            ])
        return Pyramid(tuple(map(torch.cat, zip(*videos))), levels)
