"""Files of arrays and tensors, read without running what they name.

A pickle, and a file of :func:`torch.save` is one, may call any function of
any module. Here only those exist that rebuild an array or a tensor from its
bytes, and what they are to rebuild is checked before.
"""
import codecs
import io
import pickle
import re
from collections import OrderedDict
from typing import Any, Callable, Dict

import numpy as np
import torch

from dyfadet_mm.compat.pickle_calls import check_extent
from dyfadet_mm.compat.pickle_inspection import inspect_pickle
from dyfadet_mm.compat.pickle_objects import Storage
from dyfadet_mm.compat.torch_file import DAMAGED, inspect_file
from dyfadet_mm.compat.unfolded_size import InspectionError
from ..messages import cut


class CodeRefusedError(ValueError):
    """A file names a class or function that is no array or tensor.

    Args:
        name (str): Its full name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f'hold arrays and tensors only, but got {cut(repr(name), 300)}, '
            'which could '
            'run code; save the numbers alone')


def load_torch_file(content: bytes) -> Any:
    """Read what :func:`torch.save` wrote.

    Args:
        content (bytes): The whole file.

    Returns:
        Any: Tensors on the CPU, and plain containers of them.

    Raises:
        ValueError: If ``content`` carries code, is damaged or of another
            format.
    """
    try:
        file = io.BytesIO(content)
        inspect_file(file)
        return torch.load(file, map_location='cpu', weights_only=True)
    except DAMAGED as error:
        code = re.search(r'GLOBAL (\S+)', str(error))
        if code:
            raise CodeRefusedError(code[1]) from error
        if 'TorchScript' in str(error):
            raise CodeRefusedError('TorchScript') from error
        # PyTorch's text is left out, which advises to switch this off
        raise _refusal('file of torch.save', content, error) from error


def load_tensor_pickle(content: bytes) -> dict:
    """Read a pickle of a dict of arrays and tensors.

    Args:
        content (bytes): The whole file.

    Returns:
        dict: Arrays, tensors on the CPU, and plain values.

    Raises:
        ValueError: If ``content`` names any other class or function, is
            damaged, of another format, or holds no dict.
    """
    try:
        inspect_pickle(io.BytesIO(content), len(content), native_only=False)
        data = _TensorUnpickler(io.BytesIO(content)).load()
    except CodeRefusedError:
        raise
    except DAMAGED as error:
        raise _refusal('pickle', content, error) from error
    if not isinstance(data, dict):
        raise ValueError('be the pickle of a dict, but got '
                         f'{type(data).__name__}')
    return {
        key: value.array if isinstance(value, _Array) else value
        for key, value in data.items()
    }


def _refusal(kind: str, content: bytes, error: Exception) -> ValueError:
    """Say why a file was not read."""
    if isinstance(error, InspectionError):
        return ValueError('hold plain arrays and tensors, but got '
                          f'{cut(str(error))}; save the numbers alone')
    return ValueError(
        f'be a complete {kind}, but got {len(content)} bytes that end early, '
        'are damaged or of another format; copy it again, or choose the '
        'reader of its format')


class _TensorUnpickler(pickle.Unpickler):
    """Refuses by name whatever is not listed."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._allowed = _allowed_globals()

    def find_class(self, module: str, name: str) -> Any:
        """Look a global up in the list."""
        full_name = f'{module}.{name}'
        if full_name not in self._allowed:
            raise CodeRefusedError(full_name)
        return self._allowed[full_name]


class _Dtype:
    """Stands in for the dtype of an array.

    NumPy's own takes over whatever flags a pickle gives it, up to those by
    which numbers would be followed as pointers.

    Args:
        code (str): Kind and size, such as ``'f4'``.
    """

    def __init__(self, code: str, *_) -> None:
        if not isinstance(code, str) or np.dtype(code).kind not in 'biufc':
            raise CodeRefusedError(f'numpy.dtype of {code}')
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands in for an array, which is made as soon as its bytes are known."""

    def __init__(self, *_) -> None:
        self.array = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, is_fortran, content = state
        self.array = np.frombuffer(content, dtype.dtype).reshape(
            shape, order='F' if is_fortran else 'C')

    @classmethod
    def from_buffer(cls, content: bytes, dtype: _Dtype, shape: tuple,
                    order: str) -> '_Array':
        """Make the array, as protocol 5 asks for it."""
        out = cls()
        out.array = np.frombuffer(content, dtype.dtype).reshape(
            shape, order=order)
        return out


def _allowed_globals() -> Dict[str, Callable]:
    """What rebuilds arrays and tensors, by full name.

    Functions are wrapped anew for each file, because a pickle can set
    attributes of what it names.
    """
    functions = {
        '_codecs.encode': _encode,  # how older protocols write bytes
        'numpy.dtype': _Dtype,
        'torch.storage._load_from_bytes': _load_storage,
        'torch._utils._rebuild_tensor': _rebuild_tensor,
        'torch._utils._rebuild_tensor_v2': _rebuild_tensor,
    }
    for core in ('numpy.core', 'numpy._core'):  # before and since NumPy 2
        functions[f'{core}.multiarray._reconstruct'] = _Array
        functions[f'{core}.numeric._frombuffer'] = _Array.from_buffer
    allowed = {name: _wrap(function) for name, function in functions.items()}
    allowed['numpy.ndarray'] = np.ndarray  # the class to reconstruct
    allowed['collections.OrderedDict'] = OrderedDict  # hooks of a tensor
    return allowed


def _wrap(function: Callable) -> Callable:
    """Give a function a body of its own to be called through."""

    def call(*args) -> Any:
        return function(*args)

    return call


def _encode(text: str, encoding: str) -> bytes:
    """Turn text into the bytes it stands for."""
    if encoding != 'latin1':
        raise CodeRefusedError(f'_codecs.encode to {encoding}')
    return codecs.encode(text, encoding)


def _rebuild_tensor(storage: Any, offset: int, size: tuple, stride: tuple, *_:
                    Any) -> torch.Tensor:
    """Make a tensor of its storage."""
    numbers = Storage(storage._untyped_storage.nbytes(),
                      storage.dtype.itemsize)
    check_extent(numbers, offset, size, stride)
    return torch._utils._rebuild_tensor(storage, offset, size, stride)


def _load_storage(content: bytes) -> Any:
    """Read the numbers of a tensor, which are a file of torch.save."""
    storage = load_torch_file(content)
    if not isinstance(storage,
                      (torch.storage.TypedStorage, torch.UntypedStorage)):
        raise TypeError('a tensor must be made of a storage, but got '
                        f'{type(storage).__name__}')
    return storage
