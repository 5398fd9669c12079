"""Lets PyTorch read the checkpoints of MMEngine as data.

Since PyTorch 2.6 ``torch.load`` reads with ``weights_only=True``, and the
``message_hub`` of an MMEngine checkpoint holds ``HistoryBuffer`` and NumPy
numbers, which are not allowed by default. Exactly these are allowed here, so
a checkpoint stays data: whatever else it names is refused. A ``HistoryBuffer``
is written with its statistics, which the file looks up by ``getattr``; in the
place of that function, which could reach anything, stands one that knows no
other object. In the place of ``numpy.dtype`` stands one that gives NumPy's own
dtypes of plain numbers. These ignore what a file says of their state, such as
flags by which numbers would be followed as pointers, and also that of arrays
in the byte order of another machine; :mod:`.torch_file` refuses both.

Upstream: open-mmlab/mmengine issue 1655.
Delete when: the oldest MMEngine we support allows them itself.
"""
import pickle
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import torch

# NumPy 2 moved its internals, and a checkpoint names the place of its time
_NUMPY_MODULES = ('numpy.core.multiarray', 'numpy._core.multiarray')
_STATISTICS = ('min', 'max', 'current', 'mean')
_NUMBERS = '?' + np.typecodes['AllInteger'] + np.typecodes['AllFloat']
_DTYPES = {np.dtype(code).str[1:]: np.dtype(code) for code in _NUMBERS}


def allowed_globals() -> Dict[str, Any]:
    """The classes and functions that an MMEngine checkpoint may name.

    Returns:
        dict[str, Any]: Full name to object. Arrays and scalars of numbers are
        among them, those of Python objects are not.
    """
    from mmengine.logging import HistoryBuffer

    rebuild_scalar = np.float64(1).__reduce__()[0]
    # a slice is what onedl-mmengine allows besides
    allowed = {_full_name(each): each for each in (HistoryBuffer, slice)}
    allowed['builtins.getattr'] = _get_statistic
    allowed['numpy.dtype'] = _plain_dtype
    # named as the class to rebuild; a call of it could follow pointers
    allowed['numpy.ndarray'] = 'not to be called'
    for module in _NUMPY_MODULES:
        allowed[f'{module}._reconstruct'] = _empty_array
        allowed[f'{module}.scalar'] = rebuild_scalar
    return allowed


def unneeded() -> Optional[str]:
    """Why there is nothing to mend, or None if there is."""
    if torch.__version__ < '2.6':
        return ('PyTorch before 2.6 keeps no list of names; '
                'checkpoint_loader reads with one of its own')
    if not _missing_globals():
        return 'the globals are allowed already'
    return None


def apply() -> None:
    """Allow the globals in every later ``torch.load``."""
    torch.serialization.add_safe_globals(_missing_globals())


def _missing_globals() -> List[Tuple[Any, str]]:
    """The globals to be allowed, less those that somebody allowed before."""
    known = {
        _full_name(each)
        for each in torch.serialization.get_safe_globals()
    }
    wanted = allowed_globals()
    # PyTorch restores the state of an object only if its class is listed; a
    # pickle cannot name these, since a name ends at the end of its line
    for each in (np.ndarray, *map(type, _DTYPES.values())):
        wanted[f'{_full_name(each)}\n'] = each
    return [(each, name) for name, each in wanted.items() if name not in known]


def _get_statistic(owner: Any, name: str) -> Callable:
    """Look up a statistic of ``HistoryBuffer``, and nothing else."""
    from mmengine.logging import HistoryBuffer
    if owner is not HistoryBuffer or name not in _STATISTICS:
        raise pickle.UnpicklingError('Unsupported global: GLOBAL '
                                     f'builtins.getattr of a {type(owner)}')
    return getattr(owner, name)


def _plain_dtype(code: str, *_: Any) -> np.dtype:
    """Give one of NumPy's own dtypes, which no state changes."""
    if code not in _DTYPES:
        raise pickle.UnpicklingError('Unsupported global: GLOBAL numpy.dtype')
    return _DTYPES[code]


def _empty_array(*_: Any) -> np.ndarray:
    """Make an array whose state comes later."""
    return np.empty(0)


def _full_name(each: Any) -> str:
    """Full name of an entry of PyTorch's list."""
    if isinstance(each, tuple):  # (object, name), since PyTorch 2.6
        return each[1]
    return f'{each.__module__}.{each.__qualname__}'
