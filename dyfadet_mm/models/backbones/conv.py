from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .pyramid_encoder import PyramidEncoder


@MODELS.register_module()
class ConvBackbone(PyramidEncoder):
    """Convolutional encoder: a pyramid of :class:`ConvLayer`.

    Args:
        in_channels (int): Channels of the video features.
        op (dict): What takes the place of the convolutions, see
            :class:`ConvLayer`. Defaults to ``PlainConv1d``.
        squeeze (dict, optional): Weights for the channels, likewise. Defaults
            to None.
        kwargs: Further arguments of :class:`PyramidEncoder`.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Tables 7 and 10, compares the Ops.
    """

    def __init__(self,
                 in_channels: int,
                 op: ConfigType = dict(type='dyfadet_mm.PlainConv1d'),
                 squeeze: OptConfigType = None,
                 **kwargs) -> None:
        layer = dict(type='dyfadet_mm.ConvLayer', op=op, squeeze=squeeze)
        super().__init__(
            in_channels, stem_layer=layer, branch_layer=layer, **kwargs)
