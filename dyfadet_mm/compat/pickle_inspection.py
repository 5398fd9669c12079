"""Looks a pickle through before anybody builds what it describes.

A reader that knows harmless names only can still be made to build a tensor
that reaches beyond its numbers, an array whose numbers are followed as
pointers, or lists that refer to each other a billion times. Here nothing is
built and no name is looked up: calls are noted, and those that make tensors
and arrays are checked. Which names may be called is up to the reader.
"""
import pickle
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from typing import Any, BinaryIO, Callable, Optional

from .pickle_calls import note_call, note_state
from .pickle_objects import Name, Storage
from .unfolded_size import InspectionError, check_unfolded_size

#: Most instructions of one pickle, which takes about a second. Ten thousand
#: tensors have about 300,000.
MAX_STEPS = 2_000_000


def inspect_pickle(
        file: BinaryIO,
        size: int,
        native_only: bool = True,
        load_storage: Optional[Callable[[tuple], Storage]] = None) -> Any:
    """Look through the pickle at the current place of a file.

    Args:
        file (BinaryIO): The file.
        size (int): Bytes of all of it.
        native_only (bool): Whether arrays must be in the byte order of this
            machine. Defaults to True.
        load_storage (Callable, optional): Size of what is stored under a
            persistent id. Defaults to None, there are none.

    Returns:
        Any: What it describes, with :class:`Call` in the place of objects.

    Raises:
        InspectionError: If it must not be built.
        Exception: Of many kinds, if it is damaged.
    """
    inspector = _Inspector(file, size, native_only)
    inspector.persistent_load = load_storage or _no_storage
    value = inspector.load()
    check_unfolded_size(value, size)
    return value


class _Memo(dict):
    """What a pickle refers to by number, which is no reason for gaps."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def __setitem__(self, key: int, value: Any) -> None:
        if not 0 <= key <= self.size:
            raise InspectionError('an object of an impossible number')
        super().__setitem__(key, value)


class _Steps(dict):
    """The handlers of instructions, until there were too many."""

    left = MAX_STEPS

    def __getitem__(self, key: int) -> Callable:
        self.left -= 1
        if self.left < 0:
            raise InspectionError(f'a pickle of more than {MAX_STEPS} steps')
        return super().__getitem__(key)


class _Inspector(pickle._Unpickler):
    """Notes calls; the one in C reserves memory as a file tells it to."""

    def __init__(self, file: BinaryIO, size: int, native_only: bool) -> None:
        super().__init__(file, encoding='latin1')
        self.memo = _Memo(size)
        self.dispatch = _Steps(self.handlers)
        self.native_only = native_only

    def find_class(self, module: str, name: str) -> Name:
        """Note a name, as Python 3 has it."""
        module, name = NAME_MAPPING.get(
            (module, name), (IMPORT_MAPPING.get(module, module), name))
        return Name(f'{module}.{name}')

    def load_reduce(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = note_call(self.stack[-1], args)

    def load_newobj_ex(self) -> None:
        kwargs = self.stack.pop()
        args = self.stack.pop()
        self.stack[-1] = note_call(self.stack[-1], (*args, kwargs))

    def load_build(self) -> None:
        state = self.stack.pop()
        note_state(self.stack[-1], state, self.native_only)

    def _instantiate(self, cls: Any, args: list) -> None:
        self.append(note_call(cls, tuple(args)))

    handlers = {
        **pickle._Unpickler.dispatch,
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_reduce,
        pickle.NEWOBJ_EX[0]: load_newobj_ex,
        pickle.BUILD[0]: load_build,
    }


def _no_storage(_: Any) -> Storage:
    raise InspectionError('numbers that lie elsewhere')
