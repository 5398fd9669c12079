"""Calls in a pickle: which of them describe what must not be built."""
import math
import re
from collections import OrderedDict
from dataclasses import replace
from typing import Any, Callable, Dict

import numpy as np
import torch

from .pickle_objects import Call, Name, Storage
from .unfolded_size import InspectionError

MAX_NAME = 200  # characters of a name that are looked at
# rebuild tensors from the same first four arguments
_DENSE = {
    f'torch._utils._rebuild_{name}'
    for name in ('tensor', 'tensor_v2', 'tensor_v3', 'qtensor')
}
_WRAPPERS = ('torch._utils._rebuild_parameter',
             'torch._utils._rebuild_parameter_with_state',
             'torch._utils._rebuild_sparse_tensor',
             'torch._tensor._rebuild_from_type_v2')
# nested and meta tensors, subclasses, those of another device, and whatever
# makes an empty tensor of any size
_UNUSUAL = re.compile(r'torch\..*\._rebuild_\w+|'
                      r'torch\.(.+\.)?\w*(Tensor|Storage|Parameter)')
_ARRAYS = ('numpy.core.multiarray._reconstruct',
           'numpy._core.multiarray._reconstruct')
_ODICT = 'collections.OrderedDict'
_PLAIN_DTYPE = re.compile(r'[biufc]\d{1,2}')


def check_extent(storage: Storage, offset: Any, size: Any, stride: Any) -> int:
    """Check that a tensor lies within its numbers.

    Args:
        storage (Storage): The numbers.
        offset (int): The first one of the tensor.
        size (tuple[int]): Its shape.
        stride (tuple[int]): Its strides.

    Returns:
        int: Bytes of the numbers that it shows.

    Raises:
        InspectionError: If it reaches beyond them.
    """
    is_right = (
        type(size) is tuple and type(stride) is tuple
        and len(size) == len(stride) <= 64
        and all(type(x) is int and x >= 0 for x in (offset, *size, *stride)))
    if not is_right:
        raise InspectionError('a tensor of no possible shape')
    number = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride))
    if number and (last + 1) * storage.item_bytes > storage.num_bytes:
        raise InspectionError('a tensor that reaches beyond its numbers')
    return number * storage.item_bytes


def note_call(name: Any, args: Any) -> Call:
    """Check a call and note it.

    Args:
        name (Name | Call): What is called.
        args (tuple): With what.

    Returns:
        Call: The object that it makes.

    Raises:
        InspectionError: If it must not be called like this.
        Exception: Of many kinds, if the arguments are of other types.
    """
    if not isinstance(name, (Name, Call)) or type(args) is not tuple:
        raise InspectionError(f'a call of a {type(name).__name__}')
    if isinstance(name, Call):  # of what getattr gave
        return Call('', args)
    call = Call(name, args)
    if name in _DENSE:
        _check_dense(call)
    elif name in _CALLS:
        _CALLS[name](call)
    elif name not in _WRAPPERS and _UNUSUAL.fullmatch(name[:MAX_NAME]):
        raise InspectionError(f'an unusual kind of tensor, {name[:MAX_NAME]}; '
                              'plain ones are read')
    return call


def note_state(call: Any, state: Any, native_only: bool) -> None:
    """Check the state that an object gets, and note it.

    Args:
        call (Call): The object.
        state (Any): Its state.
        native_only (bool): Whether arrays must be in the byte order of this
            machine.

    Raises:
        InspectionError: If it must not get this state.
        Exception: Of many kinds, if the state is of another type.
    """
    if not isinstance(call, Call):
        raise InspectionError(f'the state of a {type(call).__name__.lower()}')
    call.state = state
    if call.name in _STATES:
        _STATES[call.name](call, native_only)
    elif _makes_tensor(call.name):
        raise InspectionError('the state of a tensor')


def _makes_tensor(name: str) -> bool:
    """Whether a function makes tensors."""
    return name in _DENSE or name in _WRAPPERS


def _check_dense(call: Call) -> None:
    """Check a tensor of a storage."""
    storage, offset, size, stride, *rest = call.args
    if 'qtensor' in call.name:
        rest = rest[1:]
    has_dtype = call.name.endswith('_v3')
    for hooks in rest[1:2]:
        _check_hooks(hooks)
    for bits in rest[3:] if has_dtype else rest[2:]:
        if bits is not None and bits != {}:
            raise InspectionError('a tensor with a conjugate or negative bit')
    if getattr(storage, 'name', '') == 'torch.storage._load_from_bytes':
        return  # a file of its own, which is read, and checked, later
    if not isinstance(storage, Storage):
        raise InspectionError('a tensor without numbers')
    if has_dtype:  # its storage knows bytes only
        dtype = getattr(torch, rest[2].rpartition('.')[2])
        storage = replace(storage, item_bytes=dtype.itemsize)
    call.num_bytes = check_extent(storage, offset, size, stride)


def _check_hooks(hooks: Any) -> None:
    """Check that nothing is to be called when a tensor gets a gradient."""
    is_empty = not (hooks or getattr(hooks, 'args', ()))
    if not is_empty or getattr(hooks, 'name', _ODICT) != _ODICT:
        raise InspectionError('a tensor with hooks')


def _check_parameter(call: Call) -> None:
    """Check a parameter of the usual kind."""
    _check_hooks(call.args[2])


def _check_subclass(call: Call) -> None:
    """Check a tensor with attributes of its own."""
    if call.name.endswith('_v2'):
        function, cls, args, state = call.args
        made = note_call(function, args)
        if cls not in ('torch.Tensor', 'torch.nn.parameter.Parameter'):
            raise InspectionError(f'a subclass of tensors, {cls[:MAX_NAME]}')
        call.num_bytes = made.num_bytes
    else:
        made, _, hooks, state = call.args
        _check_hooks(hooks)
    if not _makes_tensor(getattr(made, 'name', '')):
        raise InspectionError('a tensor without numbers')
    for attributes in state if type(state) is tuple else (state, ):
        _check_attributes(torch.nn.Parameter, attributes)


def _check_attributes(cls: type, attributes: Any) -> None:
    """Check that attributes are none that the class needs itself."""
    if attributes is None:
        return
    if type(attributes) is not dict or any(
            type(name) is not str or hasattr(cls, name)
            for name in attributes):
        raise InspectionError(f'attributes that no {cls.__name__} has')


def _check_odict(call: Call, _: bool) -> None:
    """Check the attributes of a state_dict, which are its versions."""
    _check_attributes(OrderedDict, call.state)


def _check_history(call: Call, _: bool) -> None:
    """Check the values that MMEngine logs, and the statistics of all such."""
    state = dict(call.state)
    statistics = state.pop('statistics_methods', {})
    length = state.pop('max_length', None)
    shapes = [each.state[1] for each in state.values() if _is_array(each)]
    if (set(state) != {'_log_history', '_count_history'}
            or type(length) is not int or len(shapes) != 2
            or shapes[0] != shapes[1] or len(shapes[0]) != 1):
        raise InspectionError('a HistoryBuffer of no possible state')
    for name, method in statistics.items():
        if (getattr(method, 'name', '') != 'builtins.getattr'
                or method.args[1] != name):
            raise InspectionError('a HistoryBuffer with other statistics')


def _is_array(value: Any) -> bool:
    """Whether it is an array with a state."""
    return isinstance(value, Call) and value.name in _ARRAYS and (value.state
                                                                  is not None)


def _check_array(call: Call, _: bool) -> None:
    """Check the state of an array; NumPy compares shape and bytes."""
    if (type(call.state) is not tuple or len(call.state) != 5
            or type(call.state[1]) is not tuple
            or getattr(call.state[2], 'name', '') != 'numpy.dtype'):
        raise InspectionError('an array of no possible state')


def _check_dtype(call: Call, native_only: bool) -> None:
    """Check that a dtype has no flags by which numbers become pointers."""
    code, state = call.args[0], call.state
    if type(code) is not str or not _PLAIN_DTYPE.fullmatch(code):
        return  # which readers refuse, or build from an allowed name
    if (type(state) is not tuple or state[0] != 3
            or state[1] not in ('<', '>', '=', '|')
            or state[2:] != (None, None, None, -1, -1, 0)):
        raise InspectionError(f'a numpy.dtype that is no plain {code}')
    if native_only and not np.dtype(code).newbyteorder(state[1]).isnative:
        raise InspectionError('an array in the byte order of another machine; '
                              'convert it with astype')


def _check_bytes(call: Call) -> None:
    """Check bytes that older protocols write as text."""
    if type(call.args[0]) is not str or call.args[1:] not in (('latin1', ),
                                                              ('latin-1', )):
        raise InspectionError('a text in another encoding than latin1')


def _check_bytearray(call: Call) -> None:
    """Check that bytes are given, and not how many there are."""
    if any(isinstance(each, int) for each in call.args):
        raise InspectionError('bytes without content')


def _refuse(call: Call) -> None:
    raise InspectionError(f'a call of {call.name}')


_CALLS: Dict[str, Callable[[Call], None]] = {
    '_codecs.encode': _check_bytes,
    'builtins.bytearray': _check_bytearray,
    'numpy.ndarray': _refuse,
    'torch._utils._rebuild_parameter': _check_parameter,
    'torch._utils._rebuild_parameter_with_state': _check_subclass,
    'torch._tensor._rebuild_from_type_v2': _check_subclass,
}
_STATES: Dict[str, Callable[[Call, bool], None]] = {
    _ODICT: _check_odict,
    'collections.Counter': _check_odict,
    'mmengine.logging.history_buffer.HistoryBuffer': _check_history,
    'numpy.dtype': _check_dtype,
    **dict.fromkeys(_ARRAYS, _check_array),
}
