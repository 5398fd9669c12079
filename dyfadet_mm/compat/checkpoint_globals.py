"""Lets PyTorch read the checkpoints of MMEngine as data.

Since PyTorch 2.6 ``torch.load`` reads with ``weights_only=True``, and the
``message_hub`` of an MMEngine checkpoint holds ``HistoryBuffer`` and NumPy
numbers, which are not allowed by default. Exactly these are allowed here, so
a checkpoint stays data: whatever else it names is refused. A ``HistoryBuffer``
is written with its statistics, which the file looks up by ``getattr``; in the
place of that function, which could reach anything, stands one that knows no
other object.

Upstream: open-mmlab/mmengine issue 1655.
Delete when: the oldest MMEngine we support allows them itself.
"""
import pickle
from typing import Any, Callable, Dict, List, Optional

import numpy as np
import torch

# NumPy 2 moved its internals, and a checkpoint names the place of its time
_NUMPY_MODULES = ('numpy.core.multiarray', 'numpy._core.multiarray')
_STATISTICS = ('min', 'max', 'current', 'mean')
_NUMBERS = '?' + np.typecodes['AllInteger'] + np.typecodes['AllFloat']


def allowed_globals() -> Dict[str, Callable]:
    """The classes and functions that an MMEngine checkpoint may name.

    Returns:
        dict[str, Callable]: Full name to object. Arrays and scalars of
        numbers are among them, those of Python objects are not.
    """
    from mmengine.logging import HistoryBuffer

    array = np.ones(1)
    rebuild_array, rebuild_scalar = (
        each.__reduce__()[0] for each in (array, array[0]))
    # a slice is what onedl-mmengine allows besides
    objects = [HistoryBuffer, np.ndarray, np.dtype, slice]
    objects.append(_alias(_get_statistic, 'builtins', 'getattr'))
    # PyTorch restores the state of an object only if its class is listed
    objects += [type(np.dtype(code)) for code in _NUMBERS]
    for module in _NUMPY_MODULES:
        objects += [
            _alias(rebuild_array, module, '_reconstruct'),
            _alias(rebuild_scalar, module, 'scalar')
        ]
    return {_full_name(each): each for each in objects}


def unneeded() -> Optional[str]:
    """Why there is nothing to mend, or None if there is."""
    if not hasattr(torch.serialization, 'add_safe_globals'):
        return ('PyTorch before 2.4 keeps no list of allowed globals; '
                'checkpoint_loader reads with one of its own')
    if not _missing_globals():
        return 'the globals are allowed already'
    return None


def apply() -> None:
    """Allow the globals in every later ``torch.load``."""
    torch.serialization.add_safe_globals(_missing_globals())


def _missing_globals() -> List[Callable]:
    """The globals to be allowed, less those that somebody allowed before."""
    known = {
        _full_name(each)
        for each in torch.serialization.get_safe_globals()
    }
    return [
        each for name, each in allowed_globals().items() if name not in known
    ]


def _get_statistic(owner: Any, name: str) -> Callable:
    """Look up a statistic of ``HistoryBuffer``, and nothing else."""
    from mmengine.logging import HistoryBuffer
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise pickle.UnpicklingError(
            f'Unsupported global: GLOBAL builtins.getattr of {owner!r} and '
            f'{name!r}')
    return getattr(owner, name)


def _alias(function: Callable, module: str, name: str) -> Callable:
    """Give a function another full name, by which PyTorch knows it."""

    def rebuild(*args) -> Any:
        return function(*args)

    rebuild.__module__, rebuild.__qualname__ = module, name
    rebuild.__name__ = name
    return rebuild


def _full_name(each: Any) -> str:
    """Full name of an entry of PyTorch's list."""
    if isinstance(each, tuple):  # (object, name), since PyTorch 2.6
        return each[1]
    return f'{each.__module__}.{each.__qualname__}'
