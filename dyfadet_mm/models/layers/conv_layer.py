from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from dyfadet_mm.utils.checks import complete_cfg
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .build import build_layer
from .encoder_ops import PlainConv1d


@MODELS.register_module()
class ConvLayer(BaseModule):
    """Encoder layer of two convolutions, or of what takes their place.

    ``y = Op_2(ReLU(Op_1(x)))`` and ``out = ReLU(y + shortcut(x))``: Op_1 maps
    C channels to 2C and applies the stride, Op_2 maps them back. The shortcut
    is x itself, padding included, or a masked 1x1 convolution where the
    stride is 2.

    Args:
        channels (int): C, channels of the features.
        stride (int): 1 keeps the grid, 2 halves it. Defaults to 1.
        op (dict): The two Ops, which receive ``in_channels``,
            ``out_channels`` and ``stride`` from here and map (features, cells)
            to features. Defaults to ``PlainConv1d``.
        squeeze (dict, optional): Module that weighs the channels of y, such
            as ``SqueezeExcitation``, which receives ``channels`` from here.
            Defaults to None.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If ``stride`` is not 1 or 2.

    Reference:
        With ``PlainConv1d``, the convolutional block of Zhang et al.,
        ActionFormer, ECCV 2022.
    """

    def __init__(self,
                 channels: int,
                 stride: int = 1,
                 op: ConfigType = dict(type='dyfadet_mm.PlainConv1d'),
                 squeeze: OptConfigType = None,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        if stride not in (1, 2):
            raise ValueError(f'stride must be 1 or 2, but got {stride}')

        def build(before: int, after: int, stride: int) -> nn.Module:
            return build_layer(
                op,
                'op',
                self,
                in_channels=before,
                out_channels=after,
                stride=stride)

        self.conv1 = build(channels, 2 * channels, stride)
        self.conv2 = build(2 * channels, channels, 1)
        self.squeeze = None
        if squeeze is not None:
            self.squeeze = MODELS.build(
                complete_cfg(squeeze, 'squeeze', self, channels=channels))
        self.shortcut = None
        if stride == 2:
            self.shortcut = PlainConv1d(channels, channels, 1, stride)
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
