from typing import Optional

import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.ops import conv1d
from dyfadet_mm.registry import MODELS


def check_kernel_size(kernel_size: int) -> None:
    """Refuse kernels that no cell is in the middle of."""
    if kernel_size % 2 == 0:
        raise ValueError(f'kernel_size must be odd, but got {kernel_size}')


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
        check_kernel_size(kernel_size)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding=kernel_size // 2,
            groups=groups,
            bias=bias)

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        """Convolve (B, C_in, T); a mask is that of the output, (B, 1, T')."""
        y = conv1d(x, self.weight, self.bias, self.stride[0], self.groups)
        return y if mask is None else y * mask


class PointwiseConv1d(nn.Conv1d):
    """Convolution of one tap: a linear layer at every cell."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map features (B, C_in, T) to (B, C_out, T)."""
        rows = F.linear(x.transpose(1, 2), self.weight.squeeze(2), self.bias)
        return rows.transpose(1, 2)


class DepthwiseConv1d(MaskedConv1d):
    """Convolution of every channel by itself.

    Args: Those of :class:`MaskedConv1d`, with ``channels`` (int) on both
        sides. ``kernel_size`` defaults to 1.
    """

    def __init__(self,
                 channels: int,
                 kernel_size: int = 1,
                 stride: int = 1,
                 bias: bool = True) -> None:
        super().__init__(channels, channels, kernel_size, channels, bias,
                         stride)
