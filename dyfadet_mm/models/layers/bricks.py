from typing import Any, Optional

import torch
from mmcv.cnn.bricks.drop import drop_path
from torch import Tensor, nn

from dyfadet_mm.ops import conv1d
from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.checks import (check_kernel_size, check_takes_cells,
                                     complete_cfg)
from dyfadet_mm.utils.typing import ConfigType


def build_layer(cfg: ConfigType, setting: str, owner: nn.Module, /,
                **fixed: Any) -> nn.Module:
    """Build a layer from what the user chose and what is fixed for it.

    The arguments are those of :func:`complete_cfg`.

    Raises:
        TypeError: If the layer takes a mask in place of cells.
    """
    return check_takes_cells(
        MODELS.build(complete_cfg(cfg, setting, owner, **fixed)))


@MODELS.register_module()
class ChannelLayerNorm(nn.LayerNorm):
    """LayerNorm over the channels of every cell.

    Padding holds the bias afterwards, unless a mask is given.

    Args:
        channels (int): C, channels of the features.
        eps (float): Added to the variance. Defaults to 1e-5.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        """Normalise (B, C, T), and zero what is outside a mask (B, 1, T)."""
        rows = super().forward(x.transpose(1, 2))
        if mask is not None:
            rows.mul_(mask.transpose(1, 2))
        return rows.transpose(1, 2)


def build_norm(channels: int, norm_cfg: ConfigType,
               owner: nn.Module) -> ChannelLayerNorm:
    """A LayerNorm of ``owner``, whose ``norm_cfg`` may hold all but channels.

    Raises:
        ValueError: If it holds the channels, too.
    """
    return ChannelLayerNorm(
        **complete_cfg(norm_cfg, 'norm_cfg', owner, channels=channels))


class MaskedGroupNorm(nn.GroupNorm):
    """GroupNorm over time whose statistics can leave out padding."""

    def forward(self, x: Tensor, repeats: Optional[Tensor] = None) -> Tensor:
        """Normalise (B, C, T); ``repeats`` says how often a cell counts."""
        if repeats is None:
            # as images, because only those keep the channels-last order
            return super().forward(x[:, :, None]).squeeze(2)
        rows = x.transpose(1, 2)  # (B, T, C), the order of their memory
        # whole numbers that half precision does not have
        repeats = repeats.to(torch.promote_types(x.dtype, torch.float))
        share = repeats / repeats.sum(2, keepdim=True).clamp(min=1)
        share = share.transpose(1, 2)  # (B, T, 1)

        def mean(values: Tensor) -> Tensor:
            """That of each group, (B, T, C) to (B, 1, C)."""
            sums = (share * values).sum(1, keepdim=True)
            groups = sums.unflatten(2, (self.num_groups, -1))
            return groups.mean(3, keepdim=True).expand_as(groups).flatten(2)

        centred = rows - mean(rows)
        scale = (mean(centred.square()) + self.eps).rsqrt() * self.weight
        return (centred * scale + self.bias).transpose(1, 2).to(x.dtype)


@MODELS.register_module()
class MaskedConv1d(nn.Conv1d):
    """1-D convolution that zeroes the padding; its bias starts at zero.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): K, an odd number of taps. Defaults to 3.
        stride (int): r; output cell i belongs to input cell r * i. Defaults
            to 1.
        groups (int): Groups of the convolution. Defaults to 1.
        bias (bool): Whether to add a bias. Defaults to True.

    Raises:
        ValueError: If ``kernel_size`` is even or not positive.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 stride: int = 1,
                 groups: int = 1,
                 bias: bool = True) -> None:
        check_kernel_size(kernel_size)
        super().__init__(in_channels, out_channels, kernel_size, stride,
                         kernel_size // 2, 1, groups, bias)

    def reset_parameters(self) -> None:
        """Draw the weight as PyTorch does."""
        super().reset_parameters()
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        """Convolve (B, C_in, T); a mask is that of the output, (B, 1, T')."""
        y = conv1d(x, self.weight, self.bias, self.stride[0], self.groups)
        return y if mask is None else y * mask


@MODELS.register_module()
class ScaledDropPath(nn.Module):
    """Stochastic depth with a learnable scale per channel.

    Args:
        channels (int): C, channels of the residual branch.
        drop_prob (float): Probability of dropping the branch of a video in
            training. Defaults to 0.1.
        init_scale (float): Initial scale. Defaults to 1e-4.
    """

    def __init__(self,
                 channels: int,
                 drop_prob: float = 0.1,
                 init_scale: float = 1e-4) -> None:
        super().__init__()
        self.drop_prob = drop_prob
        self.scale = nn.Parameter(torch.full((channels, ), init_scale))

    def forward(self, x: Tensor) -> Tensor:
        """Scale a residual branch (B, C, T) and drop it at random."""
        return drop_path(self.scale[:, None] * x, self.drop_prob,
                         self.training)
