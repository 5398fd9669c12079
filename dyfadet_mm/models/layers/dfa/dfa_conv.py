import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .gate import GERETANH, TemporalGate


def shift(x: Tensor, kernel_size: int) -> Tensor:
    """Line up the K cells that a kernel sees at every position.

    ``out[:, c, s, t] = x[:, c, t + s - K // 2]``, zero outside the grid.

    Args:
        x (Tensor): Features, (B, C, T).
        kernel_size (int): K, an odd number of taps.

    Returns:
        Tensor: A view of the padded features, (B, C, K, T).
    """
    pad = kernel_size // 2
    return F.pad(x, (pad, pad)).unfold(2, x.size(2), 1)


@MODELS.register_module()
class DFAConv(BaseModule):
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
        self.mix = nn.Conv1d(in_channels * kernel_size, out_channels, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Convolve with input-dependent taps.

        Args:
            x (Tensor): Features, (B, C_in, T).
            mask (Tensor): Valid cells, (B, 1, T).

        Returns:
            Tensor: Features, zero on padding, (B, C_out, T).
        """
        gated = self.gate(x, mask) * shift(x, self.kernel_size)
        return self.mix(gated.flatten(1, 2)) * mask
