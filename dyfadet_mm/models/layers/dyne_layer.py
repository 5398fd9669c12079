import math
from typing import Optional, Tuple, Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from dyfadet_mm.utils.checks import check_choice, complete_cfg
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .bricks import MaskedConv1d, MaskedGroupNorm, ScaledDropPath, build_norm


def scaled_kernel_size(kernel_size: int, factor: float) -> int:
    """Kernel of the wide window: ``factor`` times the other, made odd."""
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
    of the output is not zeroed, unless padding is ignored.

    Args:
        channels (int): C.
        kernel_size (int): Odd kernel of ``psi`` and ``window``. Defaults
            to 1.
        factor (float): w, width of ``wide`` by ``window``. Defaults to 1.5.
        stride (int): 1 keeps the grid, 2 halves it. Defaults to 1.
        mlp_channels (int, optional): Hidden channels, 4 * C by default.
        num_groups (int): Groups of the GroupNorm; where C is no multiple of
            it, their greatest common divisor. Defaults to 16.
        drop_path_rate (float, optional): Stochastic depth with a scale per
            channel; None leaves both out. Defaults to None.
        init_std (float): Standard deviation of the depth-wise weights at the
            start. Defaults to 0, a stationary point: the convolutions stay
            zero, as in the published THUMOS14 and EPIC-Kitchens settings.
        norm_cfg (dict): Of both norms, such as ``eps``. Defaults to ``{}``.

    Raises:
        ValueError: If ``kernel_size`` is even or ``stride`` is not 1 or 2.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Eq. (5)-(7).

    Note:
        Three things are as in the published code, not as in the paper: the
        mean of Eq. (5) is that over time, not over channels; it weighs
        ``fc(h)``, not ``h``; and Eq. (7) adds the normalised ``h``, not what
        was pooled.
    """

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
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        check_choice('stride', stride, (1, 2))
        self.stride = stride
        self.init_std = init_std

        self.norm = build_norm(channels, norm_cfg, self)
        wide = scaled_kernel_size(kernel_size, factor)
        sizes = kernel_size, kernel_size, wide, 1, 1
        self.psi, self.window, self.wide, self.fc, self.phi = (
            MaskedConv1d(channels, channels, size, groups=channels)
            for size in sizes)
        #: Whether the five are all zero.
        self.is_dead = False

        hidden = mlp_channels or 4 * channels
        fixed = dict(num_groups=math.gcd(num_groups, channels))
        self.group_norm = MaskedGroupNorm(**complete_cfg(
            norm_cfg, 'norm_cfg', self, num_channels=channels, **fixed))
        self.mlp = nn.Sequential(
            MaskedConv1d(channels, hidden, 1), nn.GELU(),
            MaskedConv1d(hidden, channels, 1))

        self.drop_path_out, self.drop_path_mlp = (
            nn.Identity() if drop_path_rate is None else ScaledDropPath(
                channels, drop_path_rate) for _ in range(2))

    def init_weights(self) -> None:
        """Draw the depth-wise weights."""
        for conv in self._convs():
            nn.init.normal_(conv.weight, std=self.init_std)
        super().init_weights()
        self._settle()

    @property
    def reach(self) -> Optional[int]:
        """int, optional: Padded cells to keep, see :class:`PyramidEncoder`.

        Pooling reads one, and makes one that is unlike those behind it, which
        one cell stands for in statistics. All are kept for windows, which
        read the end of the grid, for what another ``forward`` may do, and on
        a GPU, where norms of repeated cells would take more launches.
        """
        is_plain = self.is_dead and type(self).forward is DynELayer.forward
        return 2 if is_plain and self.norm.weight.is_cpu else None

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Encode one level, (B, C, T) to (B, C, ceil(T / stride))."""
        if self.stride == 2:
            x = self._halve(x, cells)
        cells = cells.at(self.stride)
        h = cells.clean(self.norm(x))
        out = x * cells.mask + self.drop_path_out(h + self._dynamic(h, cells))
        branch = self.mlp(self.group_norm(out, cells.repeats))
        return cells.clean(out + self.drop_path_mlp(branch))

    def _halve(self, x: Tensor, cells: Cells) -> Tensor:
        """Halve the grid of the features."""
        return halve(x, cells.counted)

    def _dynamic(self, h: Tensor, cells: Cells) -> Union[Tensor, float]:
        """Instance and window branch of ``h``, both (B, C, T)."""
        if self.is_dead:  # outputs and gradients are zero
            if not torch.is_grad_enabled():
                return 0
            # in the graph, so that each has a gradient, which is zero
            return (0 * self._weights()).sum()
        mean = h.mean(2, keepdim=True)
        if cells.counted is not None:
            count = cells.counted.sum(2, keepdim=True)
            mean = mean * h.size(2) / count.clamp(min=1)
        instance = self.phi(mean).relu()  # Eq. (5), (B, C, 1)
        window = self._window(h) * self.psi(h)  # Eq. (6)
        return torch.addcmul(window, self.fc(h), instance)  # Eq. (7)

    def _window(self, h: Tensor) -> Tensor:
        """Both windows of ``h``, (B, C, T)."""
        return (self.window(h) + self.wide(h)).relu()

    def _convs(self) -> Tuple[nn.Module, ...]:
        """The depth-wise convolutions."""
        return self.psi, self.window, self.wide, self.fc, self.phi

    def _weights(self) -> Tensor:
        """Their weights and biases, flat."""
        return torch.cat(
            [x.flatten() for conv in self._convs() for x in conv.parameters()])

    def _settle(self) -> None:
        """Note whether all depth-wise convolutions are zero."""
        # training leaves them so; therefore not in every forward pass, which
        # would have to wait for the device
        weights = self._weights().detach()
        self.is_dead = bool(not weights.is_meta and not weights.any())

    def train(self, mode: bool = True) -> nn.Module:
        """Also called by ``eval``."""
        self._settle()
        return super().train(mode)

    def _load_from_state_dict(self, *args) -> None:
        """Not known before ``train`` or ``eval``, as the parts load later."""
        self.is_dead = False
        super()._load_from_state_dict(*args)


def halve(x: Tensor, counted: Optional[Tensor] = None) -> Tensor:
    """Max-pool with window 3 and stride 2, (B, C, T) to (B, C, ceil(T / 2)).

    Where ``counted``, (B, 1, T), is given, the other cells are left out, and
    the result is zero where there are no others.
    """
    if counted is not None:
        x = x.masked_fill(~counted, float('-inf'))
    # as images, because only those are pooled in channels-last order
    x = F.max_pool2d(x[:, :, None], (1, 3), (1, 2), (0, 1)).squeeze(2)
    return x if counted is None else x.masked_fill(x == float('-inf'), 0.)


@MODELS.register_module()
class SGPLayer(DynELayer):
    """Scalable-granularity perception layer of TriDet.

    A :class:`DynELayer` whose window branch is not rectified::

        out = fc(h) * phi(h) + (window(h) + wide(h)) * psi(h) + h

    Args:
        channels (int): C.
        downsample (str): How ``stride`` 2 halves the grid: ``'max'`` pools
            the largest of three cells, ``'avg'`` maps the mean of two by a
            convolution of one tap. Defaults to ``'max'``.
        kwargs: Further arguments of :class:`DynELayer`.

    Raises:
        ValueError: If ``downsample`` is unknown, or as :class:`DynELayer`.

    Reference:
        Shi et al., TriDet, CVPR 2023.
    """

    def __init__(self,
                 channels: int,
                 downsample: str = 'max',
                 **kwargs) -> None:
        super().__init__(channels, **kwargs)
        check_choice('downsample', downsample, ('max', 'avg'))
        self.downsample = None
        if downsample == 'avg' and self.stride == 2:
            self.downsample = MaskedConv1d(channels, channels, 1)

    def _halve(self, x: Tensor, cells: Cells) -> Tensor:
        if self.downsample is None:
            return super()._halve(x, cells)
        # a last cell without a partner is a mean of one
        mean = F.avg_pool1d(cells.clean(x), 2, ceil_mode=True)
        if cells.counted is not None:
            share = F.avg_pool1d(cells.counted.to(x), 2, ceil_mode=True)
            mean = mean / share.clamp(min=0.5)
        return cells.halved.clean(self.downsample(mean))

    def _window(self, h: Tensor) -> Tensor:
        return self.window(h) + self.wide(h)
