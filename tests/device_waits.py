"""Counts, on a CPU, what a GPU would make the host wait for."""
import sys
from collections import Counter
from typing import Optional

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

# their result is a number on the host, or its shape depends on values
WAITING = {
    '_local_scalar_dense', 'equal', 'is_nonzero', 'nonzero', 'masked_select',
    'bincount', '_unique', '_unique2', 'unique_dim', 'unique_consecutive',
    'unique_dim_consecutive', 'allclose'
}
# reads that no operation shows where the tensor is on the CPU already
READS = {'cpu', 'tolist', 'numpy', '__array__'}


class DeviceWaits(TorchDispatchMode):
    """Counts operations that would wait for a GPU.

    On a GPU the host runs ahead of the device. It must wait where it asks for
    a value, where the shape of a result depends on values, and where it
    copies between the two, unless such a copy is to the device and
    ``non_blocking``. A tensor of Python numbers is such a copy, too, but not
    one of ``torch.from_numpy``, which is on the host until it is copied.

    Example:
        >>> with DeviceWaits() as waits:
        ...     x = torch.arange(3.)
        ...     y = x[x > 1].tolist()
        >>> dict(waits.waits)
        {'index by mask': 1, 'tolist': 1}

    Attributes:
        waits (Counter): Number of each kind.
        places (Counter): Number of each kind at each line of the package.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter = Counter()
        self.places: Counter = Counter()
        # a function of PyTorch that makes tensors runs, and it fills
        self.is_called = False
        self.fills = False
        self._reads = _Reads(self)

    def __enter__(self) -> 'DeviceWaits':
        self._reads.__enter__()
        return super().__enter__()

    def __exit__(self, *error) -> None:
        super().__exit__(*error)
        self._reads.__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        kind = _kind_of(func, args, kwargs)
        if kind == 'tensor of numbers' and (not self.is_called or self.fills
                                            and args[0].dim() == 0):
            kind = None
        if kind is not None:
            self.add(kind)
        return func(*args, **kwargs)

    def add(self, kind: str) -> None:
        """Count one at the innermost line that is in the package."""
        self.waits[kind] += 1
        frame = sys._getframe(1)
        while frame and 'dyfadet_mm/' not in frame.f_code.co_filename:
            frame = frame.f_back
        if frame:
            path = frame.f_code.co_filename.rpartition('dyfadet_mm/')[2]
            self.places[f'{kind} at {path}:{frame.f_lineno}'] += 1


class _Reads(TorchFunctionMode):

    def __init__(self, counter: DeviceWaits) -> None:
        super().__init__()
        self.counter = counter

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, '__name__', '')
        if name in READS:
            self.counter.add(name)
        # assigns one number, which is filled in on the device
        self.counter.fills = name == '__setitem__' and not isinstance(
            args[2], torch.Tensor)
        self.counter.is_called = True
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.counter.is_called = False


def _kind_of(func, args: tuple, kwargs: dict) -> Optional[str]:
    """What an operation waits for, or None."""
    name = func.overloadpacket.__name__
    if name in WAITING:
        return name
    if name == 'lift_fresh':
        return 'tensor of numbers'
    if name == 'repeat_interleave' and kwargs.get('output_size') is None:
        return name
    if name == 'index' and _has_mask(args[1]):
        return 'index by mask'
    # one number for all of a mask is filled in on the device
    if 'index_put' in name and _has_mask(args[1]) and args[2].numel() != 1:
        return 'index by mask'
    if name in ('_to_copy', 'copy_'):
        return _copy_of(name, args, kwargs)
    return None


def _copy_of(name: str, args: tuple, kwargs: dict) -> Optional[str]:
    """The copy between devices that a copying operation waits for."""
    source, target = args[0].device, kwargs.get('device')
    if name == 'copy_':
        source, target = args[1].device, args[0].device
    runs_ahead = kwargs.get('non_blocking') or True in args[2:]
    if target in (None, source) or (runs_ahead and target.type != 'cpu'):
        return None
    return f'copy to {target.type}'


def _has_mask(indices: list) -> bool:
    """Whether an index is a mask, whose true places must be found."""
    return any(
        x is not None and x.dtype in (torch.bool, torch.uint8)
        for x in indices)
