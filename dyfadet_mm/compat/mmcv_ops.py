"""Lets MMDetection be imported where MMCV has no compiled operators.

Every detector of MMDetection imports ``mmcv.ops``, which looks its operators
up in ``mmcv._ext``. mmcv-lite leaves that module out, so that
``import mmdet.models`` fails although most of it needs no operator. Here the
modules of MMDetection, and nobody else, find a copy of ``mmcv.ops`` whose
operators fail when they are called. In all other code ``import mmcv.ops``
fails as it does without this package, and what asks whether the operators are
there is told that they are not.

Upstream: no issue, mmcv-lite has no operators by design. PyPI serves the full
mmcv as source only.
Delete when: MMDetection imports without operators, or PyPI serves wheels of
the full mmcv.
"""
import builtins
import sys
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import Any, Callable, Iterator, Mapping, Optional, Sequence

from .versions import has_module

OPS = 'mmcv.ops'
COMPILED = 'mmcv._ext'
COPY = 'mmcv._ops_without_ext'
# modules of MMCV, and what they have of its operators if these are there
_FROM_OPS = {
    'mmcv': 'ops',
    'mmcv.cnn.bricks.transformer': 'MultiScaleDeformableAttention',
}


def unneeded() -> Optional[str]:
    """Why there is nothing to mend, or None if there is."""
    if any(isinstance(each, _Finder) for each in sys.meta_path):
        return 'MMDetection finds the copy already'
    if COMPILED in sys.modules:
        return f'{COMPILED} is already imported'
    if has_module('mmcv', '_ext'):
        return 'the full mmcv is installed'
    return None


def apply() -> None:
    """Let the modules of MMDetection find the copy of ``mmcv.ops``."""
    sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds MMDetection's modules, and the copy that they import."""

    def find_spec(self,
                  fullname: str,
                  path: Optional[Sequence[str]],
                  target: Optional[ModuleType] = None) -> Optional[ModuleSpec]:
        if fullname == COPY:
            spec = PathFinder.find_spec(OPS, path)
            return spec_from_file_location(
                COPY,
                spec.origin,
                loader=_OpsLoader(COPY, spec.origin),
                submodule_search_locations=spec.submodule_search_locations)
        if fullname.startswith(f'{COPY}.'):
            loader = _OpsLoader
        elif fullname.startswith('mmdet.'):
            loader = _Loader
        else:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = loader(fullname, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    """Loads a module in which the statement ``import`` knows the copy."""

    def exec_module(self, module: ModuleType) -> None:
        module.__builtins__ = dict(vars(builtins), __import__=_import)
        super().exec_module(module)


class _OpsLoader(_Loader):
    """Loads a module of the copy."""

    def exec_module(self, module: ModuleType) -> None:
        for name in _FROM_OPS:
            import_module(name)  # must be told that there are no operators
        with _operators():
            super().exec_module(module)


def _import(name: str,
            globals: Optional[Mapping] = None,
            locals: Optional[Mapping] = None,
            fromlist: Optional[Sequence[str]] = (),
            level: int = 0) -> ModuleType:
    """Do what the statement ``import`` does, with the copy of ``mmcv.ops``."""
    if name == OPS or name.startswith(f'{OPS}.'):
        name = COPY + name[len(OPS):]
    elif _FROM_OPS.get(name) in (fromlist or ()):
        return _View(import_module(name))
    return builtins.__import__(name, globals, locals, fromlist, level)


class _View(ModuleType):
    """A module of MMCV together with what it has of ``mmcv.ops``."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__(module.__name__)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name != _FROM_OPS[self.__name__]:
            return getattr(self._module, name)
        ops = import_module(COPY)
        return ops if name == 'ops' else getattr(ops, name)


@contextmanager
def _operators() -> Iterator[None]:
    """Let ``mmcv._ext`` be found for a while."""
    before = sys.modules.get(COMPILED)
    sys.modules[COMPILED] = _Operators(COMPILED)
    try:
        yield
    finally:
        del sys.modules[COMPILED]
        if before is not None:
            sys.modules[COMPILED] = before


class _Operators(ModuleType):
    """Has every operator; none of them works."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(
                f'module {self.__name__!r} has no attribute {name!r}')
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
