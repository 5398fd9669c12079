from typing import Optional

from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.ops import shift_sums, shifted_conv
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import PackedCells
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from ..build import build_layer
from ..masked_conv import check_kernel_size
from ..norm import build_norm
from .dfa_conv import TapMix
from .gate import GERETANH, TemporalGate


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
        norm_cfg (dict): Arguments of the norm, such as ``eps``. Defaults to
            an empty dict.
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
        self.init_bias = init_bias
        self.stride = stride
        self.conv = ShiftedConv1d(channels, channels, kernel_size)
        self.norm = build_norm(channels, norm_cfg, self)
        self.gate = ShiftedConv1d(channels, 1, kernel_size)
        self.act = MODELS.build(act_cfg)

    def init_weights(self) -> None:
        """Set the bias of the gate if one was asked for."""
        if self.init_bias is not None:
            nn.init.constant_(self.gate.bias, self.init_bias)
        super().init_weights()

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
        norm_cfg (dict): Arguments of the norm, such as ``eps``. Defaults to
            an empty dict.
        stride (int): r; outputs are needed at the cells r i. Defaults to 1.
        init_cfg (dict, optional): Initialisation. Defaults to None.

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
        self.attention = build_layer(
            attention,
            'attention',
            self,
            channels=in_channels,
            kernel_size=kernel_size,
            stride=stride)
        self.mix = TapMix(in_channels, out_channels, kernel_size, stride)
        self.norm = build_norm(out_channels, norm_cfg, self)

    def forward(self, x: Tensor, cells: PackedCells) -> Tensor:
        """Attend, (1, C_in, N) to (1, C_out, ceil(N / r)), zero on padding."""
        attended = x if self.attention.power == 1 else x**self.attention.power
        mixed = self.mix(attended, self.attention(x, cells))
        return self.norm(mixed, cells.mask[..., ::self.stride])
