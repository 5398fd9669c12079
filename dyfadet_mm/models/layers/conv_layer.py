from typing import Tuple

from mmengine.model import BaseModule
from torch import Tensor

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .encoder_ops import PlainConv1d


@MODELS.register_module()
class ConvLayer(BaseModule):
    """Encoder layer of two convolutions, or of what takes their place.

    ``y = Op_2(ReLU(Op_1(x)))`` and ``out = ReLU(y + shortcut(x))``: Op_1 maps
    C channels to 2C and applies the stride, Op_2 maps them back. The shortcut
    is x itself, padding included, or a masked 1x1 convolution where the
    stride is 2. With ``ignore_padding = True`` padding counts nowhere and
    stays zero.

    Args:
        channels (int): C, channels of the features.
        stride (int): 1 keeps the grid, 2 halves it. Defaults to 1.
        op (dict): The two Ops, which receive ``in_channels``,
            ``out_channels`` and ``stride`` from here and map (features, mask)
            to the same. Defaults to ``PlainConv1d``.
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
        self.ignore_padding = False
        self.conv1 = MODELS.build(
            dict(
                in_channels=channels,
                out_channels=2 * channels,
                stride=stride,
                **op))
        self.conv2 = MODELS.build(
            dict(in_channels=2 * channels, out_channels=channels, **op))
        self.squeeze = None
        if squeeze is not None:
            self.squeeze = MODELS.build(dict(channels=channels, **squeeze))
        self.shortcut = None
        if stride == 2:
            self.shortcut = PlainConv1d(channels, channels, 1, stride)
        #: Cells of padding that matter; conv2 reads masked features.
        self.halo = getattr(self.conv1, 'halo', None)

    def forward(self, x: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor]:
        """Encode one level.

        Args:
            x (Tensor): Features, (B, C, T).
            mask (Tensor): Valid cells, (B, 1, T).

        Returns:
            tuple[Tensor, Tensor]: Features (B, C, T') and their mask
            (B, 1, T'), T' = ceil(T / stride).
        """
        if self.ignore_padding:
            x = x * mask
        y, out_mask = self.conv1(x, mask)
        y, _ = self.conv2(y.relu(), out_mask)
        if self.squeeze is not None:
            y = self.squeeze(y, out_mask)
        if self.shortcut is not None:
            x, _ = self.shortcut(x, mask)
        return (y + x).relu(), out_mask
