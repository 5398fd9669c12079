from mmengine.model import BaseModule, ModuleList
from torch import nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Pyramid
from dyfadet_mm.utils.checks import check_num_levels
from dyfadet_mm.utils.typing import ConfigType, OptMultiConfig
from ..layers import build_norm


@MODELS.register_module()
class IdentityFPN(BaseModule):
    """Neck that only normalises the levels, each with a LayerNorm of its own.

    Padding is normalised too, as in the published code, unless it is
    ignored.

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
