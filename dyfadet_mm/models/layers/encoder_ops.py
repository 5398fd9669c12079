import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.ops import compute_dtype
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from dyfadet_mm.utils.checks import check_kernel_size
from dyfadet_mm.utils.typing import OptConfigType
from .bricks import MaskedConv1d


@MODELS.register_module()
class PlainConv1d(MaskedConv1d):
    """Convolution as an Op of the encoder: ``y = sum_s W_s x_s + b``.

    The input is not masked: the last valid cells read padding.

    Args: Those of :class:`MaskedConv1d`.
    """

    @property
    def reach(self) -> int:
        """int: Padded cells that a valid one reads."""
        return self.kernel_size[0] // 2

    def init_weights(self) -> None:
        """Zero the bias, as at the start; the weight keeps that."""
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Convolve, (B, C_in, T) to (B, C_out, ceil(T / r))."""
        return super().forward(x, cells.at(self.stride[0]).mask)


@MODELS.register_module()
class DeformConv1d(BaseModule):
    """Convolution whose taps read between the cells, where the input says.

    ``y(i) = sum_s W_s x(p_s) + b`` with ``p_s = r i + s - K // 2 + d_s(i)``.
    The offsets ``d = conv_K(x)``, in cells, are shared by the channels and
    start at zero, so that the layer starts as a convolution. ``x(p)`` is
    linear between two cells; cells outside the grid and padding are zero.

    Args: The first four of :class:`MaskedConv1d`.

    Reference:
        Dai et al., Deformable Convolutional Networks, ICCV 2017; in 1-D.
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
        nn.init.zeros_(self.offset.weight)  # starts as a convolution
        self.kernel_size = kernel_size
        self.stride = stride

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


@MODELS.register_module()
class TD3dConv1d(DeformConv1d):
    """Deformable convolution whose kernel is weighed for every video.

    A temporal attention summarises the video, ``z = sum_t a(t) x(t)`` with
    ``a = softmax over the valid cells of e(x)``, and sets one weight per
    input channel, ``m = 2 sigmoid(U z + u)``; a :class:`DeformConv1d` runs on
    ``m * x``. U, u and the offsets start at zero, so that the layer starts as
    a convolution. The 1x1 convolution e has no bias, which a softmax ignores.

    Args: The first four of :class:`MaskedConv1d`.

    Note:
        The simplest form of temporal deformable convolution in 1-D; the
        DyFADet paper compares with it and gives no formula.
    """

    def __init__(self, in_channels: int, *args, **kwargs) -> None:
        super().__init__(in_channels, *args, **kwargs)
        self.attention = nn.Linear(in_channels, 1, bias=False)  # e
        self.modulation = nn.Linear(in_channels, in_channels)  # U, u
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Convolve, (B, C_in, T) to (B, C_out, ceil(T / r))."""
        x = x * cells.mask
        score = self.attention(x.transpose(1, 2)).transpose(1, 2)  # (B, 1, T)
        # finite, so that a video without valid cells has a softmax too
        score = score.masked_fill(~cells.mask, torch.finfo(score.dtype).min)
        summary = (score.softmax(2) * x).sum(2)  # (B, C_in)
        weight = 2 * self.modulation(summary).sigmoid()
        return super().forward(x * weight[:, :, None], cells)


@MODELS.register_module()
class DynamicConv1d(BaseModule):
    """Depth-wise convolution whose kernel the input makes at every cell.

    ``y_c(i) = sum_s a[g(c), s, i] v_c(r i + s - K // 2) + b_c`` with values
    ``v``, a 1x1 convolution of x, and kernels ``a``, a softmax over the K
    taps of a 1x1 convolution of ``x(r i)``. The G kernels of a cell are
    shared by groups of consecutive output channels. Taps outside the grid
    read zero and keep their weight. It starts near the mean of the taps.

    Args: The first four of :class:`MaskedConv1d`, and
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
