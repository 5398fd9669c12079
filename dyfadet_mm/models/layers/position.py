import math

import torch
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells, Padding


def sinusoid_table(length: int, channels: int) -> Tensor:
    """Sines in even channels, cosines in odd ones, (1, C, length)."""
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
    longer ones stretch it to their length, with padding unless it is ignored.

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
        """Add the encoding to the valid cells of (B, C, T)."""
        kind = torch.promote_types(self.table.dtype, torch.float32)
        steps = torch.arange(x.size(2), device=x.device, dtype=kind)
        length = steps[None, -1:] + 1  # (1 or B, 1)
        if cells.padding is Padding.IGNORED:
            length = cells.mask.sum(2)
        # as F.interpolate, and the steps themselves where they are in the
        # table; in tensors, so that a graph serves all lengths
        rows = self.max_seq_len
        position = (steps + 0.5) * (rows / length.clamp(min=rows)) - 0.5
        position = position.clamp(0, rows - 1)  # (1 or B, T)
        left = position.long()
        right = (left + 1).clamp(max=rows - 1)
        table = self.table[0]  # (C, max_seq_len)
        code = torch.lerp(table[:, left], table[:, right],
                          (position - left).to(table))
        return x + code.transpose(0, 1).to(x.dtype) * cells.mask
