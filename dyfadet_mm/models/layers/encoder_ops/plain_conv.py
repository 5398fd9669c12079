from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from ..masked_conv import MaskedConv1d


@MODELS.register_module()
class PlainConv1d(MaskedConv1d):
    """Convolution as an Op of the encoder: ``y = sum_s W_s x_s + b``.

    The input is not masked: the last valid cells read the padding behind
    them.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): K, an odd number of taps. Defaults to 3.
        stride (int): r; output cell i belongs to input cell r * i. Defaults
            to 1.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride=stride)
        self.reach = kernel_size // 2

    def init_weights(self) -> None:
        """Zero the bias; the weight keeps PyTorch's start."""
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Convolve, (B, C_in, T) to (B, C_out, ceil(T / r))."""
        return super().forward(x, cells.at(self.stride[0]).mask)
