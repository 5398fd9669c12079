"""Stands in for ``mmcv._ext``, the compiled operators of MMCV.

Every detector of MMDetection imports ``mmcv.ops``, which looks its operators
up in ``mmcv._ext``. mmcv-lite leaves that module out, so that
``import mmdet.models`` fails although most of it needs no operator. With the
placeholder the import works, and an operator fails when it is called.

Upstream: no issue, mmcv-lite has no operators by design. PyPI serves the full
mmcv as source only.
Delete when: MMDetection imports without operators, or PyPI serves wheels of
the full mmcv.
"""
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Optional

from .probe import has_module

MODULE = 'mmcv._ext'
# mmcv.utils.collect_env calls these two whenever mmcv.ops imports
_COMPILERS = ('get_compiler_version', 'get_compiling_cuda_version')


def unneeded() -> Optional[str]:
    """Why there is nothing to mend, or None if there is."""
    if MODULE in sys.modules:
        return f'{MODULE} is already imported'
    if has_module('mmcv', '_ext'):
        return 'the full mmcv is installed'
    return None


def apply() -> None:
    """Put the placeholder where ``mmcv.ops`` looks for its operators."""
    module = _ExtPlaceholder(MODULE, __doc__)
    # A spec without loader: mmengine's mmcv_full_available() stays False.
    module.__spec__ = ModuleSpec(MODULE, loader=None)
    sys.modules[MODULE] = module


class _ExtPlaceholder(ModuleType):
    """Has every operator; none of them works."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(
                f'module {self.__name__!r} has no attribute {name!r}')
        if name in _COMPILERS:
            return lambda: 'n/a'
        return _missing_op(name)


def _missing_op(name: str) -> Callable:
    """Make a function that says which package has the operator.

    Args:
        name (str): Name of the operator.

    Returns:
        Callable: Takes anything and raises an ImportError.
    """

    def op(*args, **kwargs) -> None:
        raise ImportError(
            f'this op needs the full mmcv: {name} is compiled code, which '
            "mmcv-lite leaves out; run: pip uninstall mmcv-lite, then mim "
            "install 'mmcv>=2.0.0rc4,<2.2.0'")

    op.__name__ = name
    return op
