from typing import Optional

import torch.nn.functional as F
from torch import Tensor


def halve(x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
    """Max-pool with window 3 and stride 2, which halves the grid.

    Args:
        x (Tensor): Features, (B, C, T).
        mask (Tensor, optional): Cells that count, (B, 1, T). Defaults to
            None, all of them.

    Returns:
        Tensor: Features, (B, C, ceil(T / 2)), zero where no cell counts.
    """
    if mask is not None:
        x = x.masked_fill(~mask, float('-inf'))
    # as images, because only those are pooled in channels-last order
    x = F.max_pool2d(x[:, :, None], (1, 3), (1, 2), (0, 1))[:, :, 0]
    return x if mask is None else x.masked_fill(x == float('-inf'), 0.)
