from mmengine.model import BaseModule, ModuleList
from torch import Tensor

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import PackedPyramid
from dyfadet_mm.utils.typing import ConfigType, OptMultiConfig
from ..layers import MaskedConv1d, build_norm
from .base_tad_head import BaseTADHead


@MODELS.register_module()
class ConvTower(BaseModule):
    """Static tower: each layer is a convolution, a LayerNorm and a ReLU.

    Args: Those of a ``tower`` of :class:`BaseTADHead`, and
        norm_cfg (dict): Of all norms, such as ``eps``. Defaults to ``{}``.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 num_layers: int,
                 kernel_size: int = 3,
                 norm_cfg: ConfigType = dict(),
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        widths = [in_channels] + [out_channels] * num_layers
        self.convs = ModuleList(
            MaskedConv1d(*pair, kernel_size, bias=False)
            for pair in zip(widths, widths[1:]))
        self.norms = ModuleList(
            build_norm(out_channels, norm_cfg, self)
            for _ in range(num_layers))

    def forward(self, x: Tensor, pyramid: PackedPyramid) -> Tensor:
        """Run the layers, (1, C_in, N) to (1, C_out, N), zero in the gaps."""
        kept = pyramid.mask if pyramid.masks_layers else pyramid.inside
        for conv, norm in zip(self.convs, self.norms):
            x = norm(conv(x, pyramid.mask)).relu() * kept
        return x


@MODELS.register_module()
class ConvHead(BaseTADHead):
    """Head with static towers, the baseline of the ablations.

    Args: Those of :class:`BaseTADHead` without ``tower``, and
        norm_cfg (dict): Of :class:`ConvTower`. Defaults to an empty dict.
    """

    def __init__(self, *args, norm_cfg: ConfigType = dict(), **kwargs) -> None:
        super().__init__(
            dict(type='dyfadet_mm.ConvTower', norm_cfg=norm_cfg), *args,
            **kwargs)


@MODELS.register_module()
class ConvMultiScaleHead(BaseTADHead):
    """Multi-scale head without dynamics, an ablation of :class:`DyHead`.

    Its towers fuse neighbouring levels as the dynamic ones do, with
    :class:`ConvPath` in place of every attention.

    Args: Those of :class:`BaseTADHead` without ``tower``, and
        norm_cfg (dict): Of all norms, such as ``eps``. Defaults to ``{}``.

    Note:
        The head 'Conv' of Table 7 (Yang et al., DyFADet, ECCV 2024), of
        which the paper gives no more than the name.
    """

    def __init__(self, *args, norm_cfg: ConfigType = dict(), **kwargs) -> None:
        path = dict(type='dyfadet_mm.ConvPath', norm_cfg=norm_cfg)
        tower = dict(
            type='dyfadet_mm.DyTower', scale_path=path, depth_path=path)
        super().__init__(tower, *args, **kwargs)
