import math
from typing import Optional, Tuple, Union

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .derived import is_compiling
from .drop_path import ScaledDropPath
from .masked_conv import PointwiseConv1d
from .norm import ChannelLayerNorm, MaskedGroupNorm
from .pool import halve


def scaled_kernel_size(kernel_size: int, factor: float) -> int:
    """Kernel of the wide window branch: the factor applied, made odd.

    Args:
        kernel_size (int): Kernel of the window branch.
        factor (float): w, how much wider the wide window is.

    Returns:
        int: An odd kernel size.
    """
    size = round((kernel_size + 1) * factor)
    return size + 1 - size % 2


@MODELS.register_module()
class DynELayer(BaseModule):
    """Encoder layer with an instance branch and a window branch.

    With ``h = LN(pool(x))`` and depth-wise convolutions throughout::

        out = fc(h) * phi(h) + ReLU(window(h) + wide(h)) * psi(h) + h
        out = x * mask + drop_path(out)
        out = out + drop_path(MLP(GroupNorm(out)))

    ``phi`` reads the mean over the whole grid. As in the published code, the
    means of ``phi`` and of the GroupNorm cover padding too, and the padding
    of the output is not zeroed; with ``ignore_padding = True`` padding counts
    nowhere and stays zero.

    Args:
        channels (int): C.
        kernel_size (int): Odd kernel of ``psi`` and ``window``. Defaults
            to 1.
        factor (float): w, width of ``wide`` relative to ``window``. Defaults
            to 1.5.
        stride (int): 1 keeps the grid, 2 halves it. Defaults to 1.
        mlp_channels (int, optional): Hidden channels of the MLP. Defaults to
            4 * C.
        num_groups (int): Groups of the GroupNorm; where C is no multiple of
            it, their greatest common divisor. Defaults to 16.
        drop_path_rate (float, optional): Stochastic depth with a scale per
            channel; None leaves both out. Defaults to None.
        init_std (float): Standard deviation of the depth-wise weights at the
            start. Defaults to 0. Zero is a stationary point: the
            convolutions then stay zero for ever, as they do in the published
            THUMOS14 and EPIC-Kitchens settings.
        norm_cfg (dict): Arguments of both norms, such as ``eps``. Defaults
            to an empty dict.
        pool_mask (bool): Whether a cell of a halved grid is valid if any of
            the three cells it is pooled from is, as in OpenTAD. Defaults to
            False, if the middle one is, as published. With
            ``ignore_padding`` the grid ends with the video, where both rules
            agree.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If ``kernel_size`` is even or ``stride`` is not 1 or 2.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Eq. (5)-(7).
    """

    #: Statistics cover all of the padding, see :class:`PyramidEncoder`.
    halo: Optional[int] = None

    def __init__(self,
                 channels: int,
                 kernel_size: int = 1,
                 factor: float = 1.5,
                 stride: int = 1,
                 mlp_channels: Optional[int] = None,
                 num_groups: int = 16,
                 drop_path_rate: Optional[float] = None,
                 init_std: float = 0.,
                 norm_cfg: ConfigType = dict(),
                 pool_mask: bool = False,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError('kernel_size must be odd and positive, '
                             f'but got {kernel_size}')
        if stride not in (1, 2):
            raise ValueError(f'stride must be 1 or 2, but got {stride}')
        self.stride = stride
        self.init_std = init_std
        self.pool_mask = pool_mask
        self.ignore_padding = False

        def depthwise(size: int) -> nn.Conv1d:
            return nn.Conv1d(
                channels, channels, size, padding=size // 2, groups=channels)

        self.norm = ChannelLayerNorm(channels, **norm_cfg)
        self.psi = depthwise(kernel_size)
        self.window = depthwise(kernel_size)
        self.wide = depthwise(scaled_kernel_size(kernel_size, factor))
        self.fc = depthwise(1)
        self.phi = depthwise(1)

        hidden = mlp_channels or 4 * channels
        self.group_norm = MaskedGroupNorm(
            math.gcd(num_groups, channels), channels, **norm_cfg)
        self.mlp = nn.Sequential(
            PointwiseConv1d(channels, hidden), nn.GELU(),
            PointwiseConv1d(hidden, channels))

        def branch() -> nn.Module:
            if drop_path_rate is None:
                return nn.Identity()
            return ScaledDropPath(channels, drop_path_rate)

        self.drop_path_out = branch()
        self.drop_path_mlp = branch()

    def init_weights(self) -> None:
        """Draw the depth-wise weights; all biases start at zero."""
        for conv in (self.psi, self.window, self.wide, self.fc, self.phi):
            nn.init.normal_(conv.weight, std=self.init_std)
            nn.init.zeros_(conv.bias)
        for conv in (self.mlp[0], self.mlp[2]):
            nn.init.zeros_(conv.bias)
        super().init_weights()

    def forward(self, x: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor]:
        """Encode one level.

        Args:
            x (Tensor): Features, (B, C, T).
            mask (Tensor): Valid cells, (B, 1, T).

        Returns:
            tuple[Tensor, Tensor]: Features (B, C, T') and their mask
            (B, 1, T'), T' = ceil(T / stride).
        """
        counted = None
        if self.stride == 2:
            x, mask = self._halve(x, mask)
        h = self.norm(x)
        if self.ignore_padding:
            h, counted = h * mask, mask
        out = x * mask + self.drop_path_out(h + self._dynamic(h, counted))
        branch = self.mlp(self.group_norm(out, counted))
        out = out + self.drop_path_mlp(branch)
        return (out * mask if self.ignore_padding else out), mask

    def _halve(self, x: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor]:
        """Halve the grid of the features and of the mask."""
        x = halve(x, mask if self.ignore_padding else None)
        if self.pool_mask and not self.ignore_padding:
            return x, halve(mask.to(x)).bool()
        return x, mask[..., ::2]

    def _dynamic(self, h: Tensor,
                 counted: Optional[Tensor]) -> Union[Tensor, float]:
        """Instance and window branch of ``h``, both (B, C, T).

        Convolutions that are zero, as ``init_std`` 0 leaves them, are not
        computed: their outputs and gradients are zero.
        """
        weights = torch.cat([
            param.flatten()
            for conv in (self.psi, self.window, self.wide, self.fc, self.phi)
            for param in conv.parameters()
        ])
        if not is_compiling() and not weights.any():
            # in the graph, so that each has a gradient, which is zero
            return 0 * weights.sum()
        if counted is None:
            mean = h.mean(2, keepdim=True)
        else:
            mean = h.sum(
                2, keepdim=True) / counted.sum(
                    2, keepdim=True).clamp(min=1)
        instance = self.phi(mean).relu()  # (B, C, 1)
        return self.fc(h) * instance + self._window(h) * self.psi(h)

    def _window(self, h: Tensor) -> Tensor:
        """Both windows of ``h``, (B, C, T)."""
        return (self.window(h) + self.wide(h)).relu()
