"""What the plain computations are made of, on (B, C, T)."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.models import GeReTanH, ReTanH


def shift(x: Tensor, kernel_size: int) -> Tensor:
    """Shifted grid, ``out[:, c, s, t] = x[:, c, t + s - K // 2]``.

    As published, by a depth-wise convolution with constant kernels.

    Args:
        x (Tensor): Features, (B, C, T).
        kernel_size (int): K, an odd number of taps.

    Returns:
        Tensor: Features of the K cells around each, (B, C, K, T).
    """
    kernels = torch.eye(kernel_size, dtype=x.dtype, device=x.device)
    kernels = kernels[:, None].repeat(x.size(1), 1, 1)  # (C * K, 1, K)
    shifted = F.conv1d(x, kernels, padding=kernel_size // 2, groups=x.size(1))
    return shifted.unflatten(1, (x.size(1), kernel_size))


def repeat(x: Tensor, length: int) -> Tensor:
    """Go one level down: every cell twice, ``length`` cells in all."""
    return x.repeat_interleave(2, 2)[..., :length]


def conv(module: nn.Module, x: Tensor) -> Tensor:
    """Convolution that keeps the length; the weight tells its groups."""
    weight = module.weight
    return F.conv1d(
        x,
        weight,
        module.bias,
        padding=weight.size(2) // 2,
        groups=x.size(1) // weight.size(1))


def masked_conv(module: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    """Convolution that keeps the length and zeroes padding."""
    return conv(module, x) * mask


def layer_norm(norm: nn.Module, x: Tensor) -> Tensor:
    """Normalise every cell over its channels, if there is a norm at all."""
    if isinstance(norm, nn.Identity):
        return x
    centred = x - x.mean(1, keepdim=True)
    variance = centred.square().mean(1, keepdim=True)
    normalised = centred / (variance + norm.eps).sqrt()
    return normalised * norm.weight[:, None] + norm.bias[:, None]


def scaled(branch: nn.Module, x: Tensor) -> Tensor:
    """A residual branch times its scale per channel, where it has one."""
    return x if isinstance(branch, nn.Identity) else branch.scale[:, None] * x


def activate(act: nn.Module, x: Tensor) -> Tensor:
    """Activation of a gate; those of PyTorch are called."""
    if isinstance(act, ReTanH):
        return x.tanh().relu()
    if isinstance(act, GeReTanH):
        floor = math.tanh(act.tau)
        return ((torch.tanh(x - act.tau) + floor) / (1 + floor)).relu()
    return act(x)


def position(module: nn.Module, length: int) -> Tensor:
    """Sinusoids of ``length`` cells, (1, C, length).

    The table of ``max_seq_len`` cells is stretched where it is too short.
    """
    if length > module.max_seq_len:
        return F.interpolate(module.table, length, mode='linear')
    return module.table[..., :length]
