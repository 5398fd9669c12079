from typing import Tuple

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import OptConfigType
from ..dfa.gate import GERETANH, TemporalGate
from ..dfa.tap_mix import TapMix


@MODELS.register_module()
class DFAConv1d(BaseModule):
    """:class:`DFAConv` as an Op of the encoder, with a stride.

    ``y = sum_s W_s (M_s * x_s) + b`` with the gate ``M = TemporalGate(x)`` at
    the cells ``r i``. Padding is read as zero.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): K, an odd number of taps. Defaults to 3.
        stride (int): r; output cell i belongs to input cell r * i. Defaults
            to 1.
        formation (str): Formation of the gate, ``'c'``, ``'k'`` or ``'ck'``.
            Defaults to ``'c'``.
        tau (float): Of the gate's ``GeReTanH``, and the bias of the gate at
            the start: it then opens about half of the way. A bias of zero
            would leave all gates shut. Defaults to 1.5.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If ``kernel_size`` is even or ``formation`` is unknown.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Fig. 3a, Eq. (4).
    """

    halo = 0

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
                                 dict(GERETANH, tau=tau), tau)
        self.mix = TapMix(in_channels, out_channels, kernel_size)

    def init_weights(self) -> None:
        """Zero the bias; the gate starts half open."""
        nn.init.zeros_(self.mix.bias)
        super().init_weights()

    def forward(self, x: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor]:
        """Convolve with input-dependent taps.

        Args:
            x (Tensor): Features, (B, C_in, T).
            mask (Tensor): Valid cells, (B, 1, T).

        Returns:
            tuple[Tensor, Tensor]: Features, zero on padding, (B, C_out, T')
            and their mask (B, 1, T'), T' = ceil(T / stride).
        """
        num_videos, _, length = x.shape
        mask_out = mask[..., ::self.stride]
        gap = self.kernel_size // 2  # zeros between videos
        gap += -(length + gap) % self.stride  # each starts at a multiple
        rows = F.pad((x * mask).transpose(1, 2), (0, 0, 0, gap)).flatten(0, 1)
        wanted = slice(None, None, self.stride)
        y = self.mix(rows, self.gate(rows, wanted), rows=wanted)
        y = y.unflatten(0, (num_videos, -1))[:, :mask_out.size(2)]
        return y.transpose(1, 2) * mask_out, mask_out
