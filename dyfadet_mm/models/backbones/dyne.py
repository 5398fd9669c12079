from typing import Optional, Sequence, Union

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType
from .pyramid_encoder import PyramidEncoder, per_level


@MODELS.register_module()
class DynEBackbone(PyramidEncoder):
    """Dynamic encoder: a pyramid of :class:`DynELayer`.

    Args: Those of :class:`PyramidEncoder` without its layers; of
        :class:`DynELayer`, for all layers, ``mlp_channels``, ``init_std`` and
        ``factor``, which defaults to 5; and
        kernel_size (int | Sequence[int]): Odd kernel k_w of the branch
            layers; or one entry for the stem and one for each branch layer,
            where the first one is not read: the stem's kernel is 1. Defaults
            to 1.
        drop_path_rate (float): Stochastic depth of the branch layers.
            Defaults to 0.1.
        norm_cfg (dict): Arguments of all norms, such as ``eps``. Defaults to
            an empty dict.
        layer (dict): Further arguments of all layers, and their type.
            Defaults to that of :class:`DynELayer`.

    Raises:
        ValueError: If ``kernel_size`` does not fit the number of layers.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Sec. 3.2.

    Note:
        The paper's Sec. 6.1 speaks of the last five outputs; the published
        code and weights use the stem's output as well, and so does this.
    """

    def __init__(self,
                 in_channels: int,
                 kernel_size: Union[int, Sequence[int]] = 1,
                 factor: float = 5.,
                 mlp_channels: Optional[int] = None,
                 drop_path_rate: float = 0.1,
                 init_std: float = 0.,
                 arch: Sequence[int] = (2, 2, 5),
                 norm_cfg: ConfigType = dict(),
                 layer: ConfigType = dict(type='dyfadet_mm.DynELayer'),
                 **kwargs) -> None:
        layer = dict(
            layer,
            factor=factor,
            mlp_channels=mlp_channels,
            init_std=init_std,
            norm_cfg=norm_cfg)
        _, *kernels = per_level('kernel_size', kernel_size, arch)
        super().__init__(
            in_channels,
            stem_layer=dict(layer, kernel_size=1),
            branch_layer=[
                dict(layer, kernel_size=each, drop_path_rate=drop_path_rate)
                for each in kernels
            ],
            arch=arch,
            norm_cfg=norm_cfg,
            **kwargs)
