"""A pickle module that builds only what a checkpoint of weights needs.

PyTorch before 2.6 can read with ``weights_only=True`` but has no list of names
to which ``HistoryBuffer`` could be added. There ``torch.load`` is handed this
module in the place of ``pickle``: a name outside the list ends the reading
before anything is called.

Upstream: open-mmlab/mmengine issue 1655.
Delete when: PyTorch 2.6 is the oldest we support.
"""
import codecs
import pickle
from typing import Any, BinaryIO

from .checkpoint_globals import allowed_globals


class Unpickler(pickle.Unpickler):
    """Refuses every global that is not listed."""

    def find_class(self, module: str, name: str) -> Any:
        """Look a global up in the list.

        Args:
            module (str): Module the file names.
            name (str): Class or function the file names.

        Returns:
            Any: The listed object.

        Raises:
            pickle.UnpicklingError: If it is not listed.
        """
        from torch._weights_only_unpickler import _get_allowed_globals
        listed = {**_get_allowed_globals(), **allowed_globals()}
        listed['_codecs.encode'] = codecs.encode  # how bytes are written
        module = 'builtins' if module == '__builtin__' else module
        full_name = f'{module}.{name}'
        if full_name not in listed:
            raise pickle.UnpicklingError(
                f'Unsupported global: GLOBAL {full_name}')
        return listed[full_name]


def load(file: BinaryIO, **kwargs) -> Any:
    """Read one object, as :func:`pickle.load` does.

    Args:
        file (BinaryIO): Open file.
        kwargs: Passed to the unpickler.

    Returns:
        Any: The object.
    """
    return Unpickler(file, **kwargs).load()
