from functools import partial

from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from dyfadet_mm.utils.checks import check_at_least, check_choice, complete_cfg
from dyfadet_mm.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from .bricks import MaskedConv1d, build_layer, build_norm
from .encoder_ops import PlainConv1d


@MODELS.register_module()
class ConvLayer(BaseModule):
    """Encoder layer of two convolutions, or of what takes their place.

    ``y = Op_2(ReLU(Op_1(x)))`` and ``out = ReLU(y + shortcut(x))``: Op_1 maps
    C channels to 2C and applies the stride, Op_2 maps them back. The shortcut
    is x, padding included, or with stride 2 a masked 1x1 convolution of it.

    Args:
        channels (int): C, channels of the features.
        stride (int): 1 keeps the grid, 2 halves it. Defaults to 1.
        op (dict): The two Ops, which receive ``in_channels``,
            ``out_channels`` and ``stride`` from here and map (features, cells)
            to features. Defaults to ``PlainConv1d``.
        squeeze (dict, optional): Weighs the channels of y, as does
            ``SqueezeExcitation``; it receives ``channels``. Defaults to None.

    Raises:
        ValueError: If ``stride`` is not 1 or 2.

    Reference:
        Zhang et al., ActionFormer, ECCV 2022, with ``PlainConv1d``.
    """

    def __init__(self,
                 channels: int,
                 stride: int = 1,
                 op: ConfigType = dict(type='dyfadet_mm.PlainConv1d'),
                 squeeze: OptConfigType = None,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        check_choice('stride', stride, (1, 2))

        build = partial(build_layer, op, 'op', self)
        self.conv1 = build(
            in_channels=channels, out_channels=2 * channels, stride=stride)
        self.conv2 = build(
            in_channels=2 * channels, out_channels=channels, stride=1)
        self.squeeze = None if squeeze is None else MODELS.build(
            complete_cfg(squeeze, 'squeeze', self, channels=channels))
        self.shortcut = None if stride == 1 else PlainConv1d(
            channels, channels, 1, stride)
        #: Of conv1 alone, as conv2 reads masked features.
        self.reach = getattr(self.conv1, 'reach', None)
        self.stride = stride

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Encode one level, (B, C, T) to (B, C, ceil(T / stride))."""
        x, out_cells = cells.clean(x), cells.at(self.stride)
        y = self.conv1(x, cells)
        y = self.conv2(y.relu(), out_cells)
        if self.squeeze is not None:
            y = self.squeeze(y, out_cells.mask)
        if self.shortcut is not None:
            x = self.shortcut(x, cells)
        return (y + x).relu()


@MODELS.register_module()
class ConvPath(BaseModule):
    """Static path of a multi-scale layer, ``y = LN(conv_K(x)) * mask``.

    Args: Those of :class:`DFAAtt` without ``attention``.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 kernel_size: int = 3,
                 norm_cfg: ConfigType = dict(),
                 stride: int = 1,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        self.stride = stride
        self.conv = MaskedConv1d(in_channels, out_channels, kernel_size,
                                 stride)
        self.norm = build_norm(out_channels, norm_cfg, self)

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Map (1, C_in, N) to (1, C_out, ceil(N / stride))."""
        mask = cells.mask[..., ::self.stride]
        return self.norm(self.conv(x, mask), mask)


@MODELS.register_module()
class SqueezeExcitation(BaseModule):
    """Weights for the channels from the mean of a video.

    ``sigmoid(W_2 ReLU(W_1 z + b_1) + b_2) * x``, z the mean of valid cells.

    Args:
        channels (int): C, channels of the features.
        reduction (int): W_1 maps C channels to C / reduction, at least one.
            Defaults to 16.

    Raises:
        ValueError: If ``reduction`` is not positive.

    Reference:
        Hu et al., Squeeze-and-Excitation Networks, CVPR 2018.
    """

    def __init__(self,
                 channels: int,
                 reduction: int = 16,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        check_at_least('reduction', reduction)
        hidden = max(channels // reduction, 1)
        self.reduce = nn.Linear(channels, hidden)
        self.expand = nn.Linear(hidden, channels)
        nn.init.zeros_(self.reduce.bias)
        nn.init.zeros_(self.expand.bias)  # weights start near one half

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Weigh the channels of (B, C, T), zero on padding."""
        count = mask.sum(2).clamp(min=1)  # (B, 1)
        hidden = self.reduce(x.sum(2) / count).relu()
        return x * self.expand(hidden).sigmoid()[:, :, None]
