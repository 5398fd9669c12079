from functools import partial
from typing import Callable, Optional, Tuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from ..derived import Derived
from ..norm import ChannelLayerNorm
from ..packing import ALL_ROWS, PackedCells, PackedModule
from ..row_conv import Kernel, direct_kernel, minimal_kernel, saves_products
from .gate import GERETANH, TemporalGate
from .shifted_conv import FoldedWeight, fold_shift, shifted_conv
from .tap_mix import TapMix


@MODELS.register_module()
class TapAttention(BaseModule):
    """Attention of the scale paths, ``A = M * x_s``: gated features.

    The attended taps ``A * x_s`` are ``M * x_s^2``.

    Args:
        channels (int): C, channels of the features.
        kernel_size (int): K, an odd number of taps. Defaults to 3.
        formation (str): Formation of the gate M. Defaults to ``'c'``.
        act_cfg (dict): Activation of the gate. Defaults to ``GeReTanH``.
        init_bias (float, optional): Bias of the gate at the start. Defaults to
            None, drawn as PyTorch does.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(self,
                 channels: int,
                 kernel_size: int = 3,
                 formation: str = 'c',
                 act_cfg: ConfigType = GERETANH,
                 init_bias: Optional[float] = None,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        self.kernel_size = kernel_size
        self.power = 2  # of the features in the attended taps
        self.gate = TemporalGate(channels, kernel_size, formation, act_cfg,
                                 init_bias)

    def forward(self, x: Tensor, cells: PackedCells,
                rows: slice) -> Tuple[Tensor, None]:
        """Compute the gate M.

        Args:
            x (Tensor): Features, zero in the gaps, (N, C).
            cells (PackedCells): What the rows are.
            rows (slice): The M rows wanted.

        Returns:
            tuple: M, (M, C or 1, 1 or K), and None.
        """
        return self.gate(x, rows), None


@MODELS.register_module()
class ConvAttention(BaseModule):
    """Attention of the depth path: a gated convolution, equal for all taps.

    ``A = V * g`` with ``V = LN(conv_K(x_s))`` and one gate for all channels,
    ``g = act(conv_K(x_s))``; both convolutions read the shifted grid.

    Args:
        channels (int): C, channels of the features.
        kernel_size (int): K, an odd number of taps. Defaults to 3.
        act_cfg (dict): Activation of the gate. Defaults to ``GeReTanH``.
        init_bias (float, optional): Bias of the gate at the start. Defaults to
            None, drawn as PyTorch does.
        norm_cfg (dict): Arguments of the norm, such as ``eps``. Defaults to
            an empty dict.
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(self,
                 channels: int,
                 kernel_size: int = 3,
                 act_cfg: ConfigType = GERETANH,
                 init_bias: Optional[float] = None,
                 norm_cfg: ConfigType = dict(),
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        self.kernel_size = kernel_size
        self.power = 1  # of the features in the attended taps
        self.init_bias = init_bias
        taps = channels * kernel_size
        pad = kernel_size // 2
        self.conv = nn.Conv1d(taps, channels, kernel_size, padding=pad)
        self.norm = ChannelLayerNorm(channels, **norm_cfg)
        self.gate = nn.Conv1d(taps, 1, kernel_size, padding=pad)
        self.act = MODELS.build(act_cfg)
        self._direct = Derived(partial(_fold, lay_out=direct_kernel))
        self._minimal = Derived(partial(_fold, lay_out=minimal_kernel))

    def init_weights(self) -> None:
        """Set the bias of the gate if one was asked for."""
        if self.init_bias is not None:
            nn.init.constant_(self.gate.bias, self.init_bias)
        super().init_weights()

    def forward(self, x: Tensor, cells: PackedCells,
                rows: slice) -> Tuple[Tensor, Tensor]:
        """Compute the two factors of A.

        Args:
            x (Tensor): Features, zero in the gaps, (N, C).
            cells (PackedCells): What the rows are.
            rows (slice): The M rows wanted.

        Returns:
            tuple[Tensor]: V, (M, C, 1), and g, (M, 1).
        """
        minimal = saves_products(x, self.conv.out_channels)
        fold = self._minimal if minimal else self._direct
        weight = fold(self.conv.weight, self.gate.weight)
        bias = torch.cat((self.conv.bias, self.gate.bias))
        value = shifted_conv(x, weight, bias, cells)[rows]  # (M, C + 1)
        value, gate = value[:, :-1], value[:, -1:]
        return self.norm.rows(value)[:, :, None], self.act(gate)


def _fold(conv: Tensor, gate: Tensor,
          lay_out: Callable[[Tensor], Kernel]) -> FoldedWeight:
    """Both convolutions as one, without the shift."""
    return fold_shift(torch.cat((conv, gate)), lay_out)


@MODELS.register_module()
class DFAAtt(PackedModule):
    """Attention over the cells that a kernel sees.

    ``y = LN(sum_s W_s (A_s * x_s) + b)`` with the shifted grid ``x_s``.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): K, an odd number of taps. Defaults to 3.
        attention (dict): Module that computes A from the features:
            ``TapAttention`` or ``ConvAttention``, which receives
            ``channels`` and ``kernel_size`` from here. Defaults to
            ``TapAttention``.
        norm_cfg (dict): Arguments of the norm, such as ``eps``. Defaults to
            an empty dict.
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
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, but got {kernel_size}')
        self.kernel_size = kernel_size
        self.attention = MODELS.build(
            dict(channels=in_channels, kernel_size=kernel_size, **attention))
        self.mix = TapMix(in_channels, out_channels, kernel_size)
        self.norm = ChannelLayerNorm(out_channels, **norm_cfg)

    def forward_rows(self,
                     x: Tensor,
                     cells: PackedCells,
                     rows: slice = ALL_ROWS) -> Tensor:
        """Attend.

        Args:
            x (Tensor): Features, zero in the gaps, (N, C_in).
            cells (PackedCells): What the rows are.
            rows (slice): The M rows for which an output is wanted. Defaults
                to all.

        Returns:
            Tensor: Features, zero on padding, (M, C_out).
        """
        factors = self.attention(x, cells, rows)
        mixed = self.mix(x, *factors, rows, self.attention.power)
        return self.norm.rows(mixed).mul_(cells.valid[rows])
