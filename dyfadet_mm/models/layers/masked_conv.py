import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.ops import conv1d
from dyfadet_mm.registry import MODELS


@MODELS.register_module()
class MaskedConv1d(nn.Conv1d):
    """1-D convolution that zeroes the padding.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): Odd number of taps K.
        groups (int): Groups of the convolution. Defaults to 1.
        bias (bool): Whether to add a bias. Defaults to True.
        stride (int): r; output cell i belongs to input cell r * i. Defaults
            to 1.

    Raises:
        ValueError: If ``kernel_size`` is even.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int,
                 groups: int = 1,
                 bias: bool = True,
                 stride: int = 1) -> None:
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, but got {kernel_size}')
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding=kernel_size // 2,
            groups=groups,
            bias=bias)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Convolve (B, C_in, T), with the mask of the output, (B, 1, T')."""
        y = conv1d(x, self.weight, self.bias, self.stride[0], self.groups)
        return y * mask


class PointwiseConv1d(nn.Conv1d):
    """Convolution of one tap: a linear layer at every cell.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map features (B, C_in, T) to (B, C_out, T)."""
        rows = F.linear(x.transpose(1, 2), self.weight.squeeze(2), self.bias)
        return rows.transpose(1, 2)


class DepthwiseConv1d(nn.Conv1d):
    """Convolution of every channel by itself.

    Args:
        channels (int): C.
        kernel_size (int): Odd number of taps. Defaults to 1.
        stride (int): r, output cell i belongs to input cell r i. Defaults to
            1.
    """

    def __init__(self,
                 channels: int,
                 kernel_size: int = 1,
                 stride: int = 1) -> None:
        super().__init__(
            channels,
            channels,
            kernel_size,
            stride,
            padding=kernel_size // 2,
            groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, (B, C, T) to (B, C, ceil(T / r))."""
        return conv1d(x, self.weight, self.bias, self.stride[0], self.groups)
