from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType
from .base_tad_head import BaseTADHead


@MODELS.register_module()
class ConvMultiScaleHead(BaseTADHead):
    """Multi-scale head without dynamics, an ablation of :class:`DyHead`.

    Its towers fuse neighbouring levels as the dynamic ones do, with a
    convolution and a LayerNorm, :class:`ConvPath`, in place of every
    attention.

    Args: Those of :class:`BaseTADHead` without ``tower``, and
        norm_cfg (dict): Arguments of all norms, such as ``eps``. Defaults to
            an empty dict.

    Note:
        The head 'Conv' of Table 7 (Yang et al., DyFADet, ECCV 2024), of
        which the paper gives no more than the name.
    """

    def __init__(self, *args, norm_cfg: ConfigType = dict(), **kwargs) -> None:
        path = dict(type='dyfadet_mm.ConvPath', norm_cfg=norm_cfg)
        tower = dict(
            type='dyfadet_mm.DyTower', scale_path=path, depth_path=path)
        super().__init__(tower, *args, **kwargs)
