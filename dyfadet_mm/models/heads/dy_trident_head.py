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

    Args:
        num_classes (int): A, number of classes.
        in_channels (int): Channels of the neck's levels.
        feat_channels (int): Channels of the towers.
        formation (str): See :class:`DyHead`, as the next ones. Defaults to
            ``'c'``.
        tau (float): Defaults to 1.5.
        gate_bias (float, optional): Defaults to 1.5.
        trains_shut (bool): Defaults to True.
        residual (bool): Defaults to True.
        norm_cfg (dict): Defaults to an empty dict.
        boundary_tower (dict): Tower of starts and of ends, see
            :class:`TridentHead`. Defaults to ``ConvTower``.
        kwargs: Further arguments of :class:`TridentHead`.
    """

    def __init__(self,
                 num_classes: int,
                 in_channels: int,
                 feat_channels: int,
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
            num_classes,
            in_channels,
            feat_channels,
            tower=dy_tower(formation, tau, gate_bias, trains_shut, residual,
                           None, norm_cfg),
            boundary_tower=boundary_tower,
            **kwargs)
