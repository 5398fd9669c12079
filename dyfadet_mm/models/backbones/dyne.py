from typing import Optional

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType
from .pyramid_encoder import PyramidEncoder


@MODELS.register_module()
class DynEBackbone(PyramidEncoder):
    """Dynamic encoder: a pyramid of :class:`DynELayer`.

    Args:
        in_channels (int): Channels of the video features.
        kernel_size (int): Odd kernel k_w of the branch layers; the stem's is
            1. Defaults to 1.
        factor (float): w, width of the wide window. Defaults to 5.
        mlp_channels (int, optional): Hidden channels of the MLPs. Defaults
            to 4 * C.
        drop_path_rate (float): Stochastic depth of the branch layers.
            Defaults to 0.1.
        init_std (float): Standard deviation of the depth-wise weights at the
            start, see :class:`DynELayer`. Defaults to 0.
        norm_cfg (dict): Arguments of all norms, such as ``eps``. Defaults to
            an empty dict.
        kwargs: Further arguments of :class:`PyramidEncoder`.

    Reference:
        Yang et al., DyFADet, ECCV 2024, Sec. 3.2.

    Note:
        The paper's Sec. 6.1 speaks of the last five outputs; the published
        code and weights use the stem's output as well, and so does this.
    """

    def __init__(self,
                 in_channels: int,
                 kernel_size: int = 1,
                 factor: float = 5.,
                 mlp_channels: Optional[int] = None,
                 drop_path_rate: float = 0.1,
                 init_std: float = 0.,
                 norm_cfg: ConfigType = dict(),
                 **kwargs) -> None:
        layer = dict(
            type='dyfadet_mm.DynELayer',
            factor=factor,
            mlp_channels=mlp_channels,
            init_std=init_std,
            norm_cfg=norm_cfg)
        super().__init__(
            in_channels,
            stem_layer=dict(layer, kernel_size=1),
            branch_layer=dict(
                layer, kernel_size=kernel_size, drop_path_rate=drop_path_rate),
            norm_cfg=norm_cfg,
            **kwargs)
