from typing import Any

from torch import nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.checks import check_takes_cells, complete_cfg
from dyfadet_mm.utils.typing import ConfigType


def build_layer(cfg: ConfigType, setting: str, owner: nn.Module, /,
                **fixed: Any) -> nn.Module:
    """Build a layer that takes features and their cells.

    Args:
        cfg (dict): What the user chose for it.
        setting (str): Key of the user's config that holds it.
        owner (nn.Module): The module around it, named in errors.
        fixed (Any): What the module around it decides.

    Returns:
        nn.Module: The layer.

    Raises:
        TypeError: If it takes a mask in place of cells.
        ValueError: If ``cfg`` has a key that the module around it decides.
    """
    return check_takes_cells(
        MODELS.build(complete_cfg(cfg, setting, owner, **fixed)))
