from typing import Tuple

from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.checks import check_num_levels
from dyfadet_mm.utils.typing import ConfigType, OptMultiConfig
from ..layers import ChannelLayerNorm


@MODELS.register_module()
class IdentityFPN(BaseModule):
    """Neck that only normalises the levels, each with a LayerNorm of its own.

    Padding is normalised too, as in the published code; with
    ``ignore_padding = True`` it stays zero.

    Args:
        channels (int): C, channels of every level.
        num_levels (int): Levels of the pyramid.
        norm (bool): Whether to normalise at all. Defaults to True.
        norm_cfg (dict): Arguments of the norms, such as ``eps``. Defaults to
            an empty dict.
        init_cfg (dict | list[dict], optional): Initialisation.
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
        self.ignore_padding = False
        self.norms = ModuleList(
            ChannelLayerNorm(channels, **norm_cfg) if norm else nn.Identity()
            for _ in range(num_levels))

    def forward(
        self, feats: Tuple[Tensor, ...], masks: Tuple[Tensor, ...]
    ) -> Tuple[Tuple[Tensor, ...], Tuple[Tensor, ...]]:
        """Normalise every level.

        Args:
            feats (tuple[Tensor]): Features of every level, (B, C, T_l).
            masks (tuple[Tensor]): Valid cells, (B, 1, T_l).

        Returns:
            tuple: Features and masks of the same shapes.

        Raises:
            ValueError: If there are not ``num_levels`` levels.
        """
        check_num_levels(feats, self.num_levels, 'num_levels of the neck')
        feats = tuple(norm(x) for norm, x in zip(self.norms, feats))
        if self.ignore_padding:
            feats = tuple(x * mask for x, mask in zip(feats, masks))
        return feats, masks
