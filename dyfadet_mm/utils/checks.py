"""Checks that several modules share."""
import inspect
from typing import Any, Collection, Sized

from torch import nn

from .typing import ConfigType


def complete_cfg(cfg: ConfigType, setting: str, owner: Any, /,
                 **fixed: Any) -> dict:
    """Add to a part's config what the module around it decides.

    It is ``dict(**cfg, **fixed)`` whose error says what to do.

    Args:
        cfg (dict): What the user chose for the part; not changed.
        setting (str): Key of the user's config that holds it.
        owner (Any): The module around the part, named in the error.
        fixed (Any): What the module decides.

    Returns:
        dict: Both together.

    Raises:
        TypeError: If ``cfg`` is no dict.
        ValueError: If ``cfg`` has a key that the module decides.

    Examples:
        >>> complete_cfg(dict(eps=1e-5), 'norm_cfg', None, channels=8)
        {'eps': 1e-05, 'channels': 8}
    """
    name = type(owner).__name__
    if not isinstance(cfg, dict):
        raise TypeError(f'{setting} of {name} must be a dict, but got '
                        f'{str(cfg)[:80]!r}; write its arguments as dict(...)')
    twice = [key for key in cfg if key in fixed]
    if twice:
        raise ValueError(
            f'{setting} of {name} must not set {twice}, which {name} sets, '
            f'but got {({key: cfg[key] for key in twice})}; remove the key')
    return dict(cfg, **fixed)


def check_choice(name: str, value: Any, choices: Collection) -> None:
    """Refuse a setting that is none of the choices.

    Raises:
        ValueError: Says its name, the choices and the value.
    """
    if value not in choices:
        raise ValueError(
            f'{name} must be one of {tuple(choices)}, but got {value!r}')


def check_at_least(name: str, value: float, least: float = 1) -> None:
    """Refuse a setting that is too small.

    Raises:
        ValueError: Says its name, the smallest and the value.
    """
    if not value >= least:
        raise ValueError(f'{name} must be at least {least}, but got {value}')


def check_kernel_size(kernel_size: int) -> None:
    """Refuse kernels that no cell is in the middle of.

    Raises:
        ValueError: If the number of taps is even or not positive.
    """
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError('kernel_size must be odd and positive, but got '
                         f'{kernel_size}')


def check_share(name: str, value: float, below_one: bool = False) -> None:
    """Refuse a setting that is not in [0, 1], or not in [0, 1).

    Raises:
        ValueError: Says its name, the range and the value.
    """
    if not (0 <= value < 1 or value == 1 and not below_one):
        end = ')' if below_one else ']'
        raise ValueError(f'{name} must be in [0, 1{end}, but got {value}')


def check_takes_cells(part: nn.Module) -> nn.Module:
    """Refuse a part of a model that was written for masks.

    Args:
        part (nn.Module): An encoder, neck or tower, or a layer of one.

    Returns:
        nn.Module: The part.

    Raises:
        TypeError: If it takes a mask, or the rows of a matrix.
    """
    taken = list(inspect.signature(part.forward).parameters)
    if hasattr(part, 'forward_rows') or {'mask', 'masks'} & set(taken):
        raise TypeError(
            f'{type(part).__name__}.forward must take features with their '
            f'cells and return features, but takes {taken}'
            f'{" beside forward_rows" * hasattr(part, "forward_rows")}; see '
            'docs/extend.md for parts that take cells')
    return part


def check_num_levels(feats: Sized, num_levels: int, setting: str) -> None:
    """Check that a module was built for the pyramid it receives.

    Args:
        feats (Sized): Features of every level.
        num_levels (int): Levels that the module was built for.
        setting (str): What in the config decides that.

    Raises:
        ValueError: If the numbers differ.
    """
    if len(feats) != num_levels:
        raise ValueError(f'{setting} must fit the {len(feats)} levels of the '
                         f'pyramid, but got {num_levels}')
