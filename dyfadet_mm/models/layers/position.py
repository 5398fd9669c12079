import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells, Padding


def sinusoid_table(length: int, channels: int) -> Tensor:
    """Sinusoidal position table.

    Args:
        length (int): Number of positions.
        channels (int): C. Even channels hold sines, odd ones cosines.

    Returns:
        Tensor: Table, (1, C, length).
    """
    position = torch.arange(length, dtype=torch.float64)
    pair = torch.arange(channels) // 2
    frequency = 10000.**(-2. * pair / channels)
    angle = position * frequency[:, None].double()  # (C, length)
    even = (torch.arange(channels) % 2 == 0)[:, None]
    return torch.where(even, angle.sin(), angle.cos())[None].float()


@MODELS.register_module()
class SinusoidPosition(nn.Module):
    """Absolute position encoding of the feature grid.

    Grids of up to ``max_seq_len`` cells read the first rows of the table,
    longer ones the table stretched to their length, which includes padding
    unless it is ignored.

    Args:
        channels (int): C, channels of the features.
        max_seq_len (int): Rows of the table.
    """

    def __init__(self, channels: int, max_seq_len: int) -> None:
        super().__init__()
        self.max_seq_len = max_seq_len
        table = sinusoid_table(max_seq_len, channels) / math.sqrt(channels)
        self.register_buffer('table', table, persistent=False)

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Add the encoding to the valid cells.

        Args:
            x (Tensor): Features, (B, C, T).
            cells (Cells): Of the features.

        Returns:
            Tensor: Features with positions, (B, C, T).
        """
        total = x.size(2)
        table = self._rows(total)
        if (cells.padding is Padding.IGNORED and total > self.max_seq_len):
            table = torch.cat([
                F.pad(self._rows(max(length, 1)), (0, total - length))
                for length in cells.lengths
            ])
        return x + table.to(x.dtype) * cells.mask

    def _rows(self, length: int) -> Tensor:
        """Encoding of a grid, (1, C, length)."""
        if length > self.max_seq_len:
            return F.interpolate(self.table, length, mode='linear')
        return self.table[..., :length]
