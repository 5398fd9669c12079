from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .pyramid_encoder import PyramidEncoder


@MODELS.register_module()
class ConvBackbone(PyramidEncoder):
    """Convolutional encoder: a pyramid of :class:`ConvLayer`.

    Args: Those of :class:`PyramidEncoder` without its layers, and ``op`` and
        ``squeeze`` of :class:`ConvLayer`, for all layers.

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
