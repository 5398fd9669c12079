import math
from typing import Optional, Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType

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

    ``max(0, (tanh(x - tau) + tanh tau) / (1 + tanh tau))``, which is 0 up to
    x = 0 and rises to 1.

    Args:
        tau (float): Where the slope is steepest. Defaults to 1.5.
    """

    def __init__(self, tau: float = 1.5) -> None:
        super().__init__()
        self.tau = tau

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation to a tensor of any shape."""
        floor = math.tanh(self.tau)
        return ((torch.tanh(x - self.tau) + floor) / (1 + floor)).relu()


@MODELS.register_module()
class TemporalGate(BaseModule):
    """Non-negative weights for the taps of a kernel, from what they read.

    ========= ============ =======================
    formation output shape one weight is shared by
    ========= ============ =======================
    ``'c'``   (M, C, 1)    the K taps of a channel
    ``'k'``   (M, 1, K)    the C channels of a tap
    ``'ck'``  (M, C, K)    nothing
    ========= ============ =======================

    Args:
        channels (int): C, channels of the feature grid.
        kernel_size (int): K, an odd number of taps. Defaults to 3.
        formation (str): One of the names above. Defaults to ``'c'``.
        act_cfg (dict): The activation. Defaults to ``GeReTanH``.
        init_bias (float, optional): Bias of the convolution at the start.
            Defaults to None, drawn as PyTorch does.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If ``formation`` is unknown or ``kernel_size`` is even.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Sec. 3.1, Eq. (1)-(4).
    """

    def __init__(self,
                 channels: int,
                 kernel_size: int = 3,
                 formation: str = 'c',
                 act_cfg: ConfigType = GERETANH,
                 init_bias: Optional[float] = None,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        axes = dict(
            c=(channels, 1), k=(1, kernel_size), ck=(channels, kernel_size))
        if formation not in axes:
            raise ValueError(f'formation must be one of {sorted(axes)}, '
                             f'but got {formation!r}')
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, but got {kernel_size}')
        self.axes = axes[formation]
        self.init_bias = init_bias
        self.conv = nn.Conv1d(
            channels,
            math.prod(self.axes),
            kernel_size,
            padding=kernel_size // 2,
            groups=channels if 'c' in formation else 1)
        self.act = MODELS.build(act_cfg)

    def init_weights(self) -> None:
        """Set the bias if one was asked for."""
        if self.init_bias is not None:
            nn.init.constant_(self.conv.bias, self.init_bias)
        super().init_weights()

    def forward(self, taps: Sequence[Tensor]) -> Tensor:
        """Weigh the taps.

        Args:
            taps (Sequence[Tensor]): What each tap reads, K times (M, C).

        Returns:
            Tensor: Weights, shaped by the table of the class.
        """
        kernels = self.conv.weight.unbind(2)  # K times (G, C or 1)
        if self.conv.groups == 1:
            gate = sum(map(F.linear, taps, kernels))  # (M, K)
        else:
            # each channel by itself: its G / C outputs
            gate = sum(tap[:, :, None] * kernel.unflatten(0, self.axes)[..., 0]
                       for tap, kernel in zip(taps, kernels))  # (M, C, 1 or K)
        return self.act(gate.flatten(1) + self.conv.bias).unflatten(
            1, self.axes)
