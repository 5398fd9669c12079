from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.checks import complete_cfg
from dyfadet_mm.utils.typing import ConfigType


@MODELS.register_module()
class ChannelLayerNorm(nn.Module):
    """LayerNorm over the channels of every cell.

    Padding is normalised too: a padded cell holds the bias afterwards, unless
    a mask is given.

    Args:
        channels (int): C, channels of the features.
        eps (float): Added to the variance. Defaults to 1e-5.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        """Normalise (B, C, T), and zero what is outside a mask (B, 1, T)."""
        rows = F.layer_norm(
            x.transpose(1, 2), self.weight.shape, self.weight, self.bias,
            self.eps)
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

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        """Normalise (B, C, T); a mask (B, 1, T) says which cells count."""
        if mask is None:
            # as images, because only those keep the channels-last order
            return super().forward(x[:, :, None]).squeeze(2)
        groups = x.unflatten(1, (self.num_groups, -1))  # (B, G, C / G, T)
        mask = mask[:, None]  # (B, 1, 1, T)
        count = mask.sum((2, 3), keepdim=True).clamp(min=1) * groups.size(2)

        def mean(values: Tensor) -> Tensor:
            return (values * mask).sum((2, 3), keepdim=True) / count

        centred = groups - mean(groups)
        variance = mean(centred.square())
        x = (centred * (variance + self.eps).rsqrt()).flatten(1, 2)
        return x * self.weight[:, None] + self.bias[:, None]
