import math
from typing import Optional

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.ops import gated_taps, shift_sums, shifted_conv
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells, PackedCells
from dyfadet_mm.utils.checks import check_choice, check_kernel_size
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .bricks import MaskedConv1d, build_layer, build_norm

GERETANH = dict(type='dyfadet_mm.GeReTanH')


@MODELS.register_module()
class ReTanH(nn.Module):
    """Rectified tanh, ``max(0, tanh x)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation to a tensor of any shape."""
        return x.tanh().relu()


@MODELS.register_module()
class GeReTanH(nn.Module):
    """Generalised rectified tanh, a ``ReTanH`` shifted to the right.

    ``max(0, (tanh(x - tau) + tanh tau) / (1 + tanh tau))``, 0 for x <= 0.

    Args:
        tau (float): Where the slope is steepest. Defaults to 1.5.
        trains_shut (bool): Whether a shut gate has the gradient that it has
            on the verge of opening, in place of none, with which it would
            stay shut for ever; outputs are the same. Defaults to False.
    """

    def __init__(self, tau: float = 1.5, trains_shut: bool = False) -> None:
        super().__init__()
        self.tau = tau
        self.trains_shut = trains_shut

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation to a tensor of any shape."""
        floor = math.tanh(self.tau)
        trains_shut = self.trains_shut and torch.is_grad_enabled()
        # in place, so that the backward pass keeps the tanh and the result
        shifted = x - self.tau
        if trains_shut:
            with torch.no_grad():  # a shut gate has the slope at 0
                shifted.clamp_(min=-self.tau)
        gate = (shifted.tanh_() + floor).div_(1 + floor)
        if not trains_shut:
            return gate.relu_()
        with torch.no_grad():
            return gate.relu_().masked_fill_(x <= 0, 0)


class GateConv1d(MaskedConv1d):
    """Convolution of a gate, drawn as PyTorch does, its bias as well."""

    reset_parameters = nn.Conv1d.reset_parameters


@MODELS.register_module()
class TemporalGate(BaseModule):
    """Non-negative weights for the taps of a kernel, from what they read.

    ``M = phi(Psi(f))`` with a convolution Psi and an activation phi.

    ========= ================= =======================
    formation output shape      one weight is shared by
    ========= ================= =======================
    ``'c'``   (B, C, 1, T')     the K taps of a channel
    ``'k'``   (B, 1, K, T')     the C channels of a tap
    ``'ck'``  (B, C, K, T')     nothing
    ========= ================= =======================

    Args:
        channels (int): C, channels of the feature grid.
        kernel_size (int): K, an odd number of taps. Defaults to 3.
        formation (str): One of the names above. Defaults to ``'c'``.
        act_cfg (dict): The activation. Defaults to ``GeReTanH``.
        init_bias (float, optional): Bias of the convolution at the start.
            Defaults to None, drawn as PyTorch does.
        stride (int): r; weights are needed at the cells r i. Defaults to 1.

    Raises:
        ValueError: If ``formation`` is unknown or ``kernel_size`` is even.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Sec. 3.1, Eq. (2).

    Note:
        ``'k'`` is the paper's Eq. (3). The published code, of which no config
        uses it, multiplies tensors whose channels differ in their order.
    """

    def __init__(self,
                 channels: int,
                 kernel_size: int = 3,
                 formation: str = 'c',
                 act_cfg: ConfigType = GERETANH,
                 init_bias: Optional[float] = None,
                 stride: int = 1,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        axes = dict(
            c=(channels, 1), k=(1, kernel_size), ck=(channels, kernel_size))
        check_choice('formation', formation, axes)
        self.axes = axes[formation]
        groups = 1 if formation == 'k' else channels
        self.conv = GateConv1d(channels, math.prod(self.axes), kernel_size,
                               stride, groups)
        if init_bias is not None:
            nn.init.constant_(self.conv.bias, init_bias)
        self.act = MODELS.build(act_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """Weights for features (B, C, T), shaped as in the table."""
        gate = self.act(self.conv(x))  # Eq. (2)
        return gate.unflatten(1, self.axes)


class TapMix(nn.Conv1d):
    """``sum_s W_s (M_s * x_s^p) + b`` with the shifted grid ``x_s``.

    The weight is stored as the published code stores it, that of a 1x1
    convolution of C * K channels, the taps of a channel together.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 num_taps: int,
                 stride: int,
                 power: int = 1) -> None:
        super().__init__(in_channels * num_taps, out_channels, 1)
        self.num_taps = num_taps
        self.step = stride
        self.power = power

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Mix (B, C, T) by a gate (B, C or 1, K or 1, T') to (B, O, T')."""
        weight = self.weight.view(self.out_channels, -1, self.num_taps)
        # Eq. (1), (3) and (4)
        return gated_taps(x, gate, weight, self.bias, self.step, self.power)


@MODELS.register_module()
class DFAConv1d(BaseModule):
    """Convolution whose taps are weighed by the features they read.

    ``y(i) = sum_s W_s (M_s * x_s)(r i) + b`` with the shifted grid
    ``x_s(t) = x(t + s - K // 2)`` and the gate ``M = TemporalGate(x)``.
    Padding is read as zero. It is an Op of :class:`ConvLayer`.

    Args: The first four of :class:`MaskedConv1d`, and
        formation (str): Of the :class:`TemporalGate`. Defaults to ``'c'``.
        tau (float): Of the gate's ``GeReTanH``, and the bias of the gate at
            the start, which opens it about half of the way. A bias of zero
            would leave all gates shut. Defaults to 1.5.

    Raises:
        ValueError: If ``kernel_size`` is even or ``formation`` is unknown.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Fig. 3a, Eq. (4).
    """

    reach = 0  # padding is read as zero

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 stride: int = 1,
                 formation: str = 'c',
                 tau: float = 1.5,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        self.kernel_size = kernel_size
        self.stride = stride
        self.gate = TemporalGate(in_channels, kernel_size, formation,
                                 dict(GERETANH, tau=tau), tau, stride)
        self.mix = TapMix(in_channels, out_channels, kernel_size, stride)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Convolve, (B, C_in, T) to (B, C_out, ceil(T / r))."""
        x = x * cells.mask
        mixed = self.mix(x, self.gate(x))  # Eq. (4)
        return mixed * cells.at(self.stride).mask


@MODELS.register_module()
class TapAttention(BaseModule):
    """Attention of the scale paths, ``A = M * x_s``: gated features.

    The attended taps ``A * x_s`` are ``M * x_s^2``.

    Args: Those of :class:`TemporalGate`, which gives M.
    """

    #: Of the features in the attended taps.
    power = 2

    def __init__(self, channels: int, *args, **kwargs) -> None:
        super().__init__()
        self.gate = TemporalGate(channels, *args, **kwargs)

    def forward(self, x: Tensor, cells: PackedCells) -> Tensor:
        """M of features (1, C, N), (1, C or 1, K or 1, N')."""
        return self.gate(x)


class ShiftedConv1d(nn.Conv1d):
    """Dense convolution of the shifted grid: K shifts, K taps."""

    def __init__(self, channels: int, out_channels: int,
                 kernel_size: int) -> None:
        super().__init__(channels * kernel_size, out_channels, kernel_size)
        self.register_buffer('sums', shift_sums(kernel_size), persistent=False)

    def forward(self, x: Tensor, cells: PackedCells) -> Tensor:
        """Shift and convolve, (1, C, N) to (1, O, N)."""
        ends = cells.ends[..., :self.kernel_size[0] // 2]
        return shifted_conv(x, self.weight, self.bias, self.sums, ends)


@MODELS.register_module()
class ConvAttention(BaseModule):
    """Attention of the depth path: a gated convolution, equal for all taps.

    ``A = V * g`` with ``V = LN(conv_K(x_s))`` and one gate for all channels,
    ``g = act(conv_K(x_s))``; both convolutions read the shifted grid.

    Args: Those of :class:`TemporalGate` without ``formation``, and
        norm_cfg (dict): Of the norm, such as ``eps``. Defaults to ``{}``.
    """

    #: Of the features in the attended taps.
    power = 1

    def __init__(self,
                 channels: int,
                 kernel_size: int = 3,
                 act_cfg: ConfigType = GERETANH,
                 init_bias: Optional[float] = None,
                 norm_cfg: ConfigType = dict(),
                 stride: int = 1,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        self.stride = stride
        self.conv = ShiftedConv1d(channels, channels, kernel_size)
        self.norm = build_norm(channels, norm_cfg, self)
        self.gate = ShiftedConv1d(channels, 1, kernel_size)
        if init_bias is not None:
            nn.init.constant_(self.gate.bias, init_bias)
        self.act = MODELS.build(act_cfg)

    def forward(self, x: Tensor, cells: PackedCells) -> Tensor:
        """A of features (1, C, N), zero in the gaps, (1, C, 1, N')."""
        attention = self.act(self.gate(x, cells)) * self.norm(
            self.conv(x, cells))
        return attention[:, :, None, ::self.stride]


@MODELS.register_module()
class DFAAtt(BaseModule):
    """Attention over the cells that a kernel sees.

    ``y(i) = LN(sum_s W_s (A_s * x_s)(r i) + b)`` with the shifted grid
    ``x_s(t) = x(t + s - K // 2)``.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): K, an odd number of taps. Defaults to 3.
        attention (dict): Module that computes the factor ``A_s * x_s`` has
            beside a power of ``x_s``: ``TapAttention`` or ``ConvAttention``.
            It receives ``channels``, ``kernel_size`` and ``stride`` from
            here. Defaults to ``TapAttention``.
        norm_cfg (dict): Of the norm, such as ``eps``. Defaults to ``{}``.
        stride (int): r; outputs are needed at the cells r i. Defaults to 1.

    Raises:
        ValueError: If ``kernel_size`` is even.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Fig. 3b.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 attention: ConfigType = dict(type='dyfadet_mm.TapAttention'),
                 norm_cfg: ConfigType = dict(),
                 stride: int = 1,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        check_kernel_size(kernel_size)
        self.stride = stride
        sizes = dict(channels=in_channels, kernel_size=kernel_size)
        self.attention = build_layer(
            attention, 'attention', self, stride=stride, **sizes)
        self.mix = TapMix(in_channels, out_channels, kernel_size, stride,
                          self.attention.power)
        self.norm = build_norm(out_channels, norm_cfg, self)

    def forward(self, x: Tensor, cells: PackedCells) -> Tensor:
        """Attend, (1, C_in, N) to (1, C_out, ceil(N / r)), zero on padding."""
        mixed = self.mix(x, self.attention(x, cells))
        return self.norm(mixed, cells.mask[..., ::self.stride])
