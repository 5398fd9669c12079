import math
from typing import Optional, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from ..packing import ALL_ROWS, add_taps, tap_rows

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
        return _GeReTanH.apply(x, self.tau)


class _GeReTanH(torch.autograd.Function):
    """Keeps its output only, from which the slope follows."""

    @staticmethod
    def forward(ctx, x: Tensor, tau: float) -> Tensor:
        floor = math.tanh(tau)
        out = (x - tau).tanh_().add_(floor).div_(1 + floor).relu_()
        ctx.save_for_backward(out)
        ctx.floor = floor
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Tensor, None]:
        out, = ctx.saved_tensors
        tanh = out * (1 + ctx.floor) - ctx.floor
        slope = (1 - tanh.square_()).div_(1 + ctx.floor)
        return slope.mul_(grad).mul_(out > 0), None


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

    def forward(self, x: Tensor, rows: slice = ALL_ROWS) -> Tensor:
        """Weigh the taps at the wanted rows.

        Args:
            x (Tensor): Features, (N, C).
            rows (slice): The M rows for which weights are wanted. Defaults
                to all.

        Returns:
            Tensor: Weights, shaped by the table of the class.
        """
        weight = self.conv.weight.to(x.dtype)  # (G, C or 1, K)
        if self.conv.groups == 1:
            taps = tap_rows(x, weight.size(2), rows)
            gate = sum(map(F.linear, taps, weight.unbind(2)))  # (M, K)
        else:
            weight = weight.view(*self.axes, -1)  # (C, 1 or K, K)
            gate = _DepthwiseTaps.apply(x, weight, rows).flatten(1)
        gate = gate + self.conv.bias.to(x.dtype)
        return self.act(gate).unflatten(1, self.axes)


class _DepthwiseTaps(torch.autograd.Function):
    """``out = sum_s tap_s * weight_s``, channel by channel.

    Keeps the features and not the taps, which the backward pass makes again.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, rows: slice) -> Tensor:
        """Features (N, C) and weights (C, G, K) to (M, C, G)."""
        ctx.save_for_backward(x, weight)
        ctx.rows = rows
        first, *others = [
            tap[:, :, None] for tap in tap_rows(x, weight.size(2), rows)
        ]
        out = first * weight[..., 0]
        for s, tap in enumerate(others, 1):
            out.addcmul_(tap, weight[..., s])
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        taps = tap_rows(x, weight.size(2), ctx.rows)
        grad_weight = torch.stack([(grad * tap[:, :, None]).sum(0)
                                   for tap in taps], 2)
        spread = ((grad * kernel).sum(2) for kernel in weight.unbind(2))
        return add_taps(spread, x, len(taps), ctx.rows), grad_weight, None
