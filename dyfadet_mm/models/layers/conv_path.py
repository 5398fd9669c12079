from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from dyfadet_mm.utils.typing import ConfigType, OptMultiConfig
from .masked_conv import MaskedConv1d
from .norm import build_norm


@MODELS.register_module()
class ConvPath(BaseModule):
    """Static path of a multi-scale layer, ``y = LN(conv_K(x)) * mask``.

    Args: Those of :class:`DFAAtt` without ``attention``.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 norm_cfg: ConfigType = dict(),
                 stride: int = 1,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        self.stride = stride
        self.conv = MaskedConv1d(
            in_channels, out_channels, kernel_size, stride=stride)
        self.norm = build_norm(out_channels, norm_cfg, self)

    def init_weights(self) -> None:
        """Zero the bias of the convolution."""
        nn.init.zeros_(self.conv.bias)
        super().init_weights()

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Map (1, C_in, N) to (1, C_out, ceil(N / stride))."""
        mask = cells.mask[..., ::self.stride]
        return self.norm(self.conv(x, mask), mask)
