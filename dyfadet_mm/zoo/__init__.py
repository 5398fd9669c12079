"""Public weights by name: ``dyfadet://NAME`` wherever MMEngine loads one."""
from typing import Callable, Dict, Union

import torch

PREFIX = 'dyfadet://'


def register_scheme() -> None:
    """Teach MMEngine's CheckpointLoader the prefix ``dyfadet://``.

    The addresses of the metafile are taught as well: MMEngine's hub loads from
    them, and the file behind them has to be converted. The same addresses
    without the file's name give the published file, as without this package.
    """
    import re

    from mmengine.runner.checkpoint import CheckpointLoader

    from .table import ADDRESSES
    CheckpointLoader.register_scheme([PREFIX, *map(re.escape, ADDRESSES)],
                                     loader=load_from_dyfadet,
                                     force=True)


def load_from_dyfadet(
    filename: str,
    map_location: Union[str, torch.device, dict, Callable,
                        None] = None) -> Dict:
    """Load a checkpoint of the zoo, which is downloaded when it is first used.

    Args:
        filename (str): ``dyfadet://NAME`` for weights of the table,
            ``dyfadet://PATH`` for a checkpoint of the published code or of
            OpenTAD on this machine, or an address that the table holds.
        map_location (str, optional): As in :func:`torch.load`. Defaults to
            None.

    Returns:
        dict: The checkpoint, with the names of this package.

    Raises:
        ValueError: If there are no such weights, or a file is damaged.
        ConnectionError: If they cannot be downloaded.
    """
    from .store import load
    return load(filename, map_location)


__all__ = ['PREFIX', 'load_from_dyfadet', 'register_scheme']
