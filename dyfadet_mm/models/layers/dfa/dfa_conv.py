from torch import Tensor

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from ..packing import PackedCells, PackedModule
from .gate import GERETANH, TemporalGate
from .tap_mix import TapMix


@MODELS.register_module()
class DFAConv(PackedModule):
    """Convolution whose taps are weighed by the features they read.

    ``y = sum_s W_s (M_s * x_s) + b`` with the shifted grid ``x_s`` and the
    gate ``M = TemporalGate(x)``.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): K, an odd number of taps. Defaults to 3.
        formation (str): Formation of the gate, ``'c'``, ``'k'`` or ``'ck'``.
            Defaults to ``'c'``.
        act_cfg (dict): Activation of the gate. Defaults to ``GeReTanH``.
        init_bias (float): Bias of the gate at the start. Defaults to 1.5,
            where ``GeReTanH`` opens about half of the way.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Fig. 3a, Eq. (4).
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 formation: str = 'c',
                 act_cfg: ConfigType = GERETANH,
                 init_bias: float = 1.5,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        self.kernel_size = kernel_size
        self.gate = TemporalGate(in_channels, kernel_size, formation, act_cfg,
                                 init_bias)
        self.mix = TapMix(in_channels, out_channels, kernel_size)

    def forward_rows(self, x: Tensor, cells: PackedCells) -> Tensor:
        """Convolve with input-dependent taps.

        Args:
            x (Tensor): Features, zero in the gaps, (N, C_in).
            cells (PackedCells): What the rows are.

        Returns:
            Tensor: Features, zero on padding, (N, C_out).
        """
        return self.mix(x, self.gate(x)) * cells.valid
