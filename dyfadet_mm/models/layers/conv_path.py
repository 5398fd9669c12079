import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptMultiConfig
from .masked_conv import MaskedConv1d
from .norm import ChannelLayerNorm
from .packing import ALL_ROWS, PackedCells, PackedModule, tap_rows


@MODELS.register_module()
class ConvPath(PackedModule):
    """Static path of a multi-scale layer, ``y = LN(conv_K(x)) * mask``.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): K, an odd number of taps. Defaults to 3.
        norm_cfg (dict): Arguments of the norm, such as ``eps``. Defaults to
            an empty dict.
        init_cfg (dict | list[dict], optional): Initialisation.

    Raises:
        ValueError: If ``kernel_size`` is even.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 norm_cfg: ConfigType = dict(),
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        self.kernel_size = kernel_size
        self.conv = MaskedConv1d(in_channels, out_channels, kernel_size)
        self.norm = ChannelLayerNorm(out_channels, **norm_cfg)

    def init_weights(self) -> None:
        """Zero the bias of the convolution."""
        nn.init.zeros_(self.conv.bias)
        super().init_weights()

    def forward_rows(self,
                     x: Tensor,
                     cells: PackedCells,
                     rows: slice = ALL_ROWS) -> Tensor:
        """Convolve and normalise.

        Args:
            x (Tensor): Features, zero in the gaps, (N, C_in).
            cells (PackedCells): What the rows are.
            rows (slice): The M rows for which an output is wanted. Defaults
                to all.

        Returns:
            Tensor: Features, zero on padding, (M, C_out).
        """
        if rows == ALL_ROWS:
            y = self.conv.forward_rows(x, cells)
        else:
            taps = torch.cat(tap_rows(x, self.kernel_size, rows), 1)
            weight = self.conv.weight.transpose(1, 2)  # (C_out, K, C_in)
            y = F.linear(taps, weight.flatten(1), self.conv.bias)
        return self.norm.rows(y) * cells.valid[rows]
