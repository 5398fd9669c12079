import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from .packing import PackedCells


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

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Convolve.

        Args:
            x (Tensor): Features, (B, C_in, T).
            mask (Tensor): Valid cells, (B, 1, T).

        Returns:
            Tensor: Features, zero on padding, (B, C_out, T).
        """
        return super().forward(x) * mask

    def forward_rows(self, x: Tensor, cells: PackedCells) -> Tensor:
        """Convolve packed cells.

        Args:
            x (Tensor): Features, zero in the gaps, (N, C_in).
            cells (PackedCells): What the rows are.

        Returns:
            Tensor: Features, zero on padding, (N, C_out).
        """
        return super().forward(x.t()[None])[0].t() * cells.valid


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
