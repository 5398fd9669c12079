from typing import List

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Pyramid
from dyfadet_mm.utils.checks import check_num_levels, complete_cfg
from dyfadet_mm.utils.typing import ConfigType, OptMultiConfig, TensorTuple


@MODELS.register_module()
class MMDetNeck(BaseModule):
    """A neck of MMDetection on pyramids over time.

    Necks of MMDetection know no masks. They are given every video alone and
    without its padding, so that padding counts nowhere: a video comes out the
    same in any batch. Where a convolution reaches beyond the end of a video
    it finds the zeros of its own padding.

    Args: Those of :class:`FPN1d` without ``norm``, and
        neck (dict): The neck, such as ``dict(type='mmdet.FPN')``, without
            channels and levels. It is made of 1-D convolutions, drawn by
            Xavier's rule, unless it has ``conv_cfg`` and ``init_cfg`` of its
            own.
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
            self._check_outputs(outs, lengths)
            videos.append([
                F.pad(out, (0, x.size(2) - out.size(2)))
                for out, x in zip(outs, feats)
            ])
        return Pyramid(tuple(map(torch.cat, zip(*videos))), levels)

    def _check_outputs(self, outs: TensorTuple, lengths: List[int]) -> None:
        """Head and masks rely on the levels of the encoder."""
        expected = [(1, self.out_channels, n) for n in lengths]
        found = [tuple(out.shape) for out in outs]
        if found != expected:
            raise ValueError(
                f'{type(self.neck).__name__} must give a level for each one '
                f'that it receives, of shapes {expected}, but got {found}; '
                'leave out the options that add or skip levels')
