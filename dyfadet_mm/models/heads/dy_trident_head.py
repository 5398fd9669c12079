from typing import Optional

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType
from .dyhead import dy_tower
from .trident_head import TridentHead


@MODELS.register_module()
class DyTridentHead(TridentHead):
    """Boundary distributions of :class:`TridentHead` on dynamic towers.

    The towers of classes and bins are those of :class:`DyHead`, in the form
    that trains reliably: gates start half open, shut ones are trained, and
    the depth path is a residual one.

    Args: Those of :class:`TridentHead`, and of :class:`DyHead` without
        ``depth_act_cfg``. ``gate_bias`` defaults to 1.5, ``trains_shut`` and
        ``residual`` to True, ``boundary_tower`` to ``ConvTower``.
    """

    def __init__(self,
                 *args,
                 formation: str = 'c',
                 tau: float = 1.5,
                 gate_bias: Optional[float] = 1.5,
                 trains_shut: bool = True,
                 residual: bool = True,
                 norm_cfg: ConfigType = dict(),
                 boundary_tower: OptConfigType = dict(
                     type='dyfadet_mm.ConvTower'),
                 **kwargs) -> None:
        super().__init__(
            *args,
            tower=dy_tower(formation, tau, gate_bias, trains_shut, residual,
                           None, norm_cfg),
            boundary_tower=boundary_tower,
            **kwargs)
