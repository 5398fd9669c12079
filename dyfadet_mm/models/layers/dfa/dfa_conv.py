from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.ops import gated_taps
from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from dyfadet_mm.utils.typing import OptConfigType
from .gate import GERETANH, TemporalGate


class TapMix(nn.Conv1d):
    """``sum_s W_s (M_s * x_s) + b`` with the shifted grid ``x_s``.

    The weight is stored as the published code stores it, that of a 1x1
    convolution of C * K channels, the taps of a channel together.
    """

    def __init__(self, in_channels: int, out_channels: int, num_taps: int,
                 stride: int) -> None:
        super().__init__(in_channels * num_taps, out_channels, 1)
        self.num_taps = num_taps
        self.step = stride

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """Mix (B, C, T) by a gate (B, C or 1, K or 1, T') to (B, O, T')."""
        weight = self.weight.view(self.out_channels, -1, self.num_taps)
        return gated_taps(x, gate, weight, self.bias, self.step)


@MODELS.register_module()
class DFAConv1d(BaseModule):
    """Convolution whose taps are weighed by the features they read.

    ``y(i) = sum_s W_s (M_s * x_s)(r i) + b`` with the shifted grid
    ``x_s(t) = x(t + s - K // 2)`` and the gate ``M = TemporalGate(x)``.
    Padding is read as zero. It is an Op of :class:`ConvLayer`.

    Args: Those of :class:`PlainConv1d`, ``init_cfg``, and
        formation (str): Of the :class:`TemporalGate`. Defaults to ``'c'``.
        tau (float): Of the gate's ``GeReTanH``, and the bias of the gate at
            the start: it then opens about half of the way. A bias of zero
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

    def init_weights(self) -> None:
        """Zero the bias; the gate starts half open."""
        nn.init.zeros_(self.mix.bias)
        super().init_weights()

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Convolve, (B, C_in, T) to (B, C_out, ceil(T / r))."""
        x = x * cells.mask
        mixed = self.mix(x, self.gate(x))  # Eq. (4)
        return mixed * cells.at(self.stride).mask
