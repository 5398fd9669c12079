from dyfadet_mm.registry import MODELS
from .dyne import DynEBackbone


@MODELS.register_module()
class SGPBackbone(DynEBackbone):
    """TriDet's encoder: a :class:`DynEBackbone` of :class:`SGPLayer`.

    Args: Those of :class:`DynEBackbone` without ``layer``, and
        downsample (str): How the branch layers halve the grid, see
            :class:`SGPLayer`. Defaults to ``'max'``.

    Reference:
        Shi et al., TriDet: Temporal Action Detection with Relative Boundary
        Modeling, CVPR 2023.
    """

    def __init__(self, *args, downsample: str = 'max', **kwargs) -> None:
        super().__init__(
            *args,
            layer=dict(type='dyfadet_mm.SGPLayer', downsample=downsample),
            **kwargs)
