import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.ops import compute_dtype
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from dyfadet_mm.utils.typing import OptConfigType
from .plain_conv import PlainConv1d


@MODELS.register_module()
class DeformConv1d(BaseModule):
    """Convolution whose taps read between the cells, where the input says.

    ``y(i) = sum_s W_s x(p_s) + b`` with ``p_s = r i + s - K // 2 + d_s(i)``.
    The offsets ``d = conv_K(x)``, in cells, are shared by the channels and
    start at zero, so that the layer starts as a convolution. ``x(p)`` is
    linear between two cells; cells outside the grid and padding are zero.

    Args: Those of :class:`PlainConv1d`, and ``init_cfg``.

    Reference:
        Dai et al., Deformable Convolutional Networks, ICCV 2017; in one
        dimension.
    """

    reach = 0  # padding is read as zero

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 stride: int = 1,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        self.conv = PlainConv1d(in_channels, out_channels, kernel_size)
        self.offset = PlainConv1d(in_channels, kernel_size, kernel_size,
                                  stride)
        self.kernel_size = kernel_size
        self.stride = stride

    def init_weights(self) -> None:
        """Start as a convolution."""
        nn.init.zeros_(self.offset.weight)
        super().init_weights()

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Convolve, (B, C_in, T) to (B, C_out, ceil(T / r))."""
        x = x * cells.mask
        offsets = self.offset(x, cells)  # (B, K, T')
        starts = torch.arange(0, x.size(2), self.stride, device=x.device)
        taps = torch.arange(self.kernel_size, device=x.device)
        read = starts[:, None] + taps - self.kernel_size // 2  # (T', K)
        rows = x.transpose(1, 2).to(compute_dtype(x))
        sampled = sample_linear(rows, read, offsets.transpose(1, 2))
        weight = self.conv.weight.transpose(1, 2).flatten(1)  # (C_out, K * C)
        y = F.linear(sampled.flatten(2), weight, self.conv.bias)
        return y.transpose(1, 2) * cells.at(self.stride).mask


def sample_linear(x: Tensor, cells: Tensor, offsets: Tensor) -> Tensor:
    """Read features between cells, linearly interpolated.

    Of features (B, T, C), it reads those at cells (T', K), at most K beyond
    the grid, plus offsets (B, T', K) of any size, (B, T', K, C). Features
    beyond the grid are zero. Cell and offset are not added up as numbers, so
    that an offset keeps its precision on a grid of any length.
    """
    num_videos, length, _ = x.shape
    whole = offsets.detach().floor()
    right = offsets - whole  # share of the cell to the right
    limit = length + 2 * cells.size(1)  # beyond the grid from every cell
    left_cell = cells + whole.clamp(-limit, limit).long()
    pair = torch.stack((left_cell, left_cell + 1), -1)  # (B, T', K, 2)
    share = torch.stack((1 - right, right), -1)
    share = share * ((pair >= 0) & (pair < length))
    first = length * torch.arange(num_videos, device=x.device)
    rows = pair.clamp(0, length - 1) + first[:, None, None, None]
    # the sum of two weighed rows, without a copy of either
    out = F.embedding_bag(
        rows.flatten(0, 2),
        x.flatten(0, 1),
        per_sample_weights=share.flatten(0, 2).to(x.dtype),
        mode='sum')
    return out.unflatten(0, offsets.shape)
