from mmengine.model import BaseModule, ModuleList
from torch import Tensor

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from dyfadet_mm.utils.typing import OptMultiConfig
from ..layers import ChannelLayerNorm, MaskedConv1d
from .base_tad_head import BaseTADHead


@MODELS.register_module()
class ConvTower(BaseModule):
    """Static tower: each layer is a convolution, a LayerNorm and a ReLU.

    Args: Those of a ``tower`` of :class:`BaseTADHead`, and ``init_cfg``.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 num_layers: int,
                 kernel_size: int = 3,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        self.convs = ModuleList(
            MaskedConv1d(
                out_channels if i else in_channels,
                out_channels,
                kernel_size,
                bias=False) for i in range(num_layers))
        self.norms = ModuleList(
            ChannelLayerNorm(out_channels) for _ in range(num_layers))

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Run the layers, (1, C_in, N) to (1, C_out, N), zero in the gaps."""
        for conv, norm in zip(self.convs, self.norms):
            x = cells.clean(norm(conv(x, cells.mask)).relu())
        return x


@MODELS.register_module()
class ConvHead(BaseTADHead):
    """Head with static towers, the baseline of the ablations.

    Args: Those of :class:`BaseTADHead` without ``tower``.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(dict(type='dyfadet_mm.ConvTower'), *args, **kwargs)
