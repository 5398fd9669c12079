from typing import Optional

from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from ..norm import ChannelLayerNorm
from .dfa_conv import shift
from .gate import GERETANH, TemporalGate


@MODELS.register_module()
class TapAttention(BaseModule):
    """Attention of the scale paths, ``A = M * x_s``: gated features.

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
        self.gate = TemporalGate(channels, kernel_size, formation, act_cfg,
                                 init_bias)

    def forward(self, x: Tensor, shifted: Tensor, mask: Tensor) -> Tensor:
        """Compute the attention.

        Args:
            x (Tensor): Features, (B, C, T).
            shifted (Tensor): Shifted features, (B, C, K, T).
            mask (Tensor): Valid cells, (B, 1, T).

        Returns:
            Tensor: Attention, (B, C, K, T).
        """
        return self.gate(x, mask) * shifted


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
        init_cfg (dict, optional): Initialisation. Defaults to None.
    """

    def __init__(self,
                 channels: int,
                 kernel_size: int = 3,
                 act_cfg: ConfigType = GERETANH,
                 init_bias: Optional[float] = None,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        self.init_bias = init_bias
        taps = channels * kernel_size
        pad = kernel_size // 2
        self.conv = nn.Conv1d(taps, channels, kernel_size, padding=pad)
        self.norm = ChannelLayerNorm(channels)
        self.gate = nn.Conv1d(taps, 1, kernel_size, padding=pad)
        self.act = MODELS.build(act_cfg)

    def init_weights(self) -> None:
        """Set the bias of the gate if one was asked for."""
        if self.init_bias is not None:
            nn.init.constant_(self.gate.bias, self.init_bias)
        super().init_weights()

    def forward(self, x: Tensor, shifted: Tensor, mask: Tensor) -> Tensor:
        """Compute the attention.

        Args:
            x (Tensor): Features, unused here, (B, C, T).
            shifted (Tensor): Shifted features, (B, C, K, T).
            mask (Tensor): Valid cells, (B, 1, T).

        Returns:
            Tensor: Attention, (B, C, 1, T).
        """
        taps = shifted.flatten(1, 2)  # (B, C * K, T)
        value = self.norm(self.conv(taps))
        return (value * self.act(self.gate(taps)) * mask)[:, :, None]


@MODELS.register_module()
class DFAAtt(BaseModule):
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
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, but got {kernel_size}')
        self.kernel_size = kernel_size
        self.attention = MODELS.build(
            dict(channels=in_channels, kernel_size=kernel_size, **attention))
        self.mix = nn.Conv1d(in_channels * kernel_size, out_channels, 1)
        self.norm = ChannelLayerNorm(out_channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attend.

        Args:
            x (Tensor): Features, (B, C_in, T).
            mask (Tensor): Valid cells, (B, 1, T).

        Returns:
            Tensor: Features, zero on padding, (B, C_out, T).
        """
        shifted = shift(x, self.kernel_size)  # (B, C, K, T)
        attended = self.attention(x, shifted, mask) * shifted
        return self.norm(self.mix(attended.flatten(1, 2))) * mask
