import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from dyfadet_mm.utils.typing import OptConfigType
from ..masked_conv import check_kernel_size


@MODELS.register_module()
class DynamicConv1d(BaseModule):
    """Depth-wise convolution whose kernel the input makes at every cell.

    ``y_c(i) = sum_s a[g(c), s, i] v_c(r i + s - K // 2) + b_c`` with values
    ``v``, a 1x1 convolution of x, and kernels ``a``, a softmax over the K
    taps of a 1x1 convolution of ``x(r i)``. The G kernels of a cell are
    shared by groups of consecutive output channels. Taps outside the grid
    read zero and keep their weight. The layer starts near the mean of the
    taps.

    Args: Those of :class:`PlainConv1d`, ``init_cfg``, and
        num_groups (int): G, kernels of a cell, a divisor of
            ``out_channels``. Defaults to 8.

    Raises:
        ValueError: If ``kernel_size`` is even or ``out_channels`` is not a
            multiple of ``num_groups``.

    Reference:
        Wu et al., Pay Less Attention with Lightweight and Dynamic
        Convolutions, ICLR 2019.
    """

    reach = 0  # padding is read as zero

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 stride: int = 1,
                 num_groups: int = 8,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        check_kernel_size(kernel_size)
        if out_channels % num_groups:
            raise ValueError(
                'out_channels must be a multiple of num_groups, but got '
                f'{out_channels} channels and {num_groups} groups')
        self.kernel_size = kernel_size
        self.stride = stride
        self.num_groups = num_groups
        self.value = nn.Linear(in_channels, out_channels, bias=False)
        self.kernel = nn.Linear(in_channels, num_groups * kernel_size)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def init_weights(self) -> None:
        """Start with kernels that are nearly the mean."""
        nn.init.normal_(self.kernel.weight, std=0.01)
        nn.init.zeros_(self.kernel.bias)
        super().init_weights()

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Convolve, (B, C_in, T) to (B, C_out, ceil(T / r))."""
        length, pad = x.size(2), self.kernel_size // 2
        x = (x * cells.mask).transpose(1, 2)  # (B, T, C_in)
        kernel = self.kernel(x[:, ::self.stride])
        kernel = kernel.unflatten(2, (self.num_groups, 1, -1)).softmax(4)
        value = F.pad(self.value(x), (0, 0, pad, pad))
        value = value.unflatten(2, (self.num_groups, -1))
        y = sum(kernel[..., s] * value[:, s:s + length:self.stride]
                for s in range(self.kernel_size))  # (B, T', G, C_out / G)
        y = y.flatten(2) + self.bias
        return y.transpose(1, 2) * cells.at(self.stride).mask
