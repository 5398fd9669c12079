from typing import Any

from torch import nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.checks import check_takes_cells, complete_cfg
from dyfadet_mm.utils.typing import ConfigType


def build_layer(cfg: ConfigType, setting: str, owner: nn.Module, /,
                **fixed: Any) -> nn.Module:
    """Build a layer from what the user chose and what is fixed for it.

    The arguments are those of :func:`complete_cfg`.

    Raises:
        TypeError: If the layer takes a mask in place of cells.
    """
    return check_takes_cells(
        MODELS.build(complete_cfg(cfg, setting, owner, **fixed)))
