import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.ops import conv1d, is_traced, minimal_kernel, saves_products
from dyfadet_mm.registry import MODELS
from .derived import Derived, DerivesWeights


@MODELS.register_module()
class MaskedConv1d(DerivesWeights, nn.Conv1d):
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
        self._minimal = Derived(minimal_kernel)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Convolve.

        Args:
            x (Tensor): Features, (B, C_in, T).
            mask (Tensor): Valid cells of the output, (B, 1, T').

        Returns:
            Tensor: Features, zero on padding, (B, C_out, T'),
            T' = ceil(T / r).
        """
        stride = self.stride[0]
        if (self.groups == stride == 1 and self.kernel_size[0] > 1
                and saves_products(x, self.out_channels)):
            return conv1d(x, self._minimal(self.weight), self.bias) * mask
        return conv1d(x, self.weight, self.bias, stride, self.groups) * mask


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
        stride = self.stride[0]
        # several sums of a CPU are faster than its convolution
        if (self.kernel_size[0] > 3 or torch.is_grad_enabled()
                or x.device.type != 'cpu' or is_traced()):
            return conv1d(x, self.weight, self.bias, stride, self.groups)
        pad, length = self.kernel_size[0] // 2, x.size(2)
        rows = F.pad(x.transpose(1, 2), (0, 0, pad, pad))
        taps = [
            rows[:, s:s + length:stride] for s in range(self.kernel_size[0])
        ]
        weights = self.weight.squeeze(1).unbind(1)
        y = torch.addcmul(self.bias, taps[0], weights[0])
        for tap, weight in zip(taps[1:], weights[1:]):
            y.addcmul_(tap, weight)
        return y.transpose(1, 2)
