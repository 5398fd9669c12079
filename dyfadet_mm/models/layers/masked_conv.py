import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from .derived import Derived
from .packing import PackedCells
from .row_conv import Kernel, conv_rows, minimal_kernel, saves_products


@MODELS.register_module()
class MaskedConv1d(nn.Conv1d):
    """1-D convolution that keeps the length and zeroes the padding.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): Odd number of taps K.
        groups (int): Groups of the convolution. Defaults to 1.
        bias (bool): Whether to add a bias. Defaults to True.

    Raises:
        ValueError: If ``kernel_size`` is even.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int,
                 groups: int = 1,
                 bias: bool = True) -> None:
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, but got {kernel_size}')
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            padding=kernel_size // 2,
            groups=groups,
            bias=bias)
        self._minimal = Derived(_minimal_kernel)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Convolve.

        Args:
            x (Tensor): Features, (B, C_in, T).
            mask (Tensor): Valid cells, (B, 1, T).

        Returns:
            Tensor: Features, zero on padding, (B, C_out, T).
        """
        if not self._saves_products(x.transpose(1, 2)):
            return super().forward(x) * mask
        length = x.size(2)
        x = x.transpose(1, 2)  # (B, T, C)
        if len(x) > 1:  # zeros between videos
            x = F.pad(x, (0, 0, 0, self.kernel_size[0] // 2))
        rows = self._minimal_conv(x.flatten(0, 1)).unflatten(0, (len(x), -1))
        return rows[:, :length].transpose(1, 2) * mask

    def forward_rows(self, x: Tensor, cells: PackedCells) -> Tensor:
        """Convolve packed cells.

        Args:
            x (Tensor): Features, zero in the gaps, (N, C_in).
            cells (PackedCells): What the rows are.

        Returns:
            Tensor: Features, zero on padding, (N, C_out).
        """
        if self._saves_products(x):
            return self._minimal_conv(x) * cells.valid
        return super().forward(x.t()[None])[0].t() * cells.valid

    def _saves_products(self, x: Tensor) -> bool:
        """Whether to convolve rows (N, C) by minimal filtering."""
        return (self.groups == 1 and self.kernel_size[0] > 1
                and saves_products(x, self.out_channels))

    def _minimal_conv(self, x: Tensor) -> Tensor:
        """Convolve rows, (N, C) to (N, O)."""
        return conv_rows(x, self._minimal(self.weight), self.bias)


def _minimal_kernel(weight: Tensor) -> Kernel:
    """Kernel of a stored weight (O, C, K)."""
    return minimal_kernel(weight.permute(2, 1, 0))


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
        rows = F.linear(x.transpose(1, 2), self.weight[..., 0], self.bias)
        return rows.transpose(1, 2)
