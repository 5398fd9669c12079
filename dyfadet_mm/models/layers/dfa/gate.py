import math
from typing import Optional

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from ..masked_conv import MaskedConv1d

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
        trains_shut (bool): Whether a shut gate has the gradient that it has
            on the verge of opening, in place of none, with which it would
            stay shut for ever. The outputs are the same. Defaults to False,
            as published.
    """

    def __init__(self, tau: float = 1.5, trains_shut: bool = False) -> None:
        super().__init__()
        self.tau = tau
        self.trains_shut = trains_shut

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation to a tensor of any shape."""
        floor = math.tanh(self.tau)
        # in place, but what the backward pass needs: the tanh, the result
        tanh = (x - self.tau).tanh_()
        gate = (tanh + floor).div_(1 + floor).relu_()
        if self.trains_shut and torch.is_grad_enabled():
            below = x.clamp(max=0) * (1 - floor)  # its slope at 0
            gate = gate + (below - below.detach())
        return gate


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
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If ``formation`` is unknown or ``kernel_size`` is even.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Sec. 3.1, Eq. (2).

    Note:
        For ``'k'`` the published code multiplies two tensors whose channels
        differ in their order, which is not the paper's Eq. (3); no published
        config uses it. This is the paper's.
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
        if formation not in axes:
            raise ValueError(f'formation must be one of {sorted(axes)}, '
                             f'but got {formation!r}')
        self.axes = axes[formation]
        self.init_bias = init_bias
        self.conv = MaskedConv1d(
            channels,
            math.prod(self.axes),
            kernel_size,
            groups=1 if formation == 'k' else channels,
            stride=stride)
        self.act = MODELS.build(act_cfg)

    def init_weights(self) -> None:
        """Set the bias if one was asked for."""
        if self.init_bias is not None:
            nn.init.constant_(self.conv.bias, self.init_bias)
        super().init_weights()

    def forward(self, x: Tensor) -> Tensor:
        """Weights for features (B, C, T), shaped as in the table."""
        gate = self.act(self.conv(x))  # Eq. (2)
        return gate.unflatten(1, self.axes)
