"""Stands in for ``mmaction.models.localizers.drn``.

The wheel of MMAction2 1.2.0 lacks this sub-package, which its
``localizers/__init__.py`` imports, so that ``import mmaction.models`` fails.

Upstream: open-mmlab/mmaction2 issue 2714.
Delete when: the oldest MMAction2 we support ships ``localizers/drn``.
"""
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Optional

from .versions import has_module

PACKAGE = 'mmaction.models.localizers.drn'
MODULE = f'{PACKAGE}.drn'


def unneeded() -> Optional[str]:
    """Why there is nothing to mend, or None if there is."""
    if PACKAGE in sys.modules:
        return f'{PACKAGE} is already imported'
    if has_module('mmaction', 'models', 'localizers', 'drn', 'drn'):
        return 'mmaction2 ships localizers/drn'
    return None


def apply() -> None:
    """Make the module importable, with a ``DRN`` that cannot be built."""
    package = ModuleType(PACKAGE, __doc__)
    package.__path__ = []
    package.drn = _DRNModule(MODULE, __doc__)
    for module in (package, package.drn):
        # importlib.util.find_spec reads it
        module.__spec__ = ModuleSpec(module.__name__, loader=None)
    sys.modules[PACKAGE] = package
    sys.modules[MODULE] = package.drn


class _DRNModule(ModuleType):
    """Makes ``DRN`` when MMAction2 asks for it, and registers it then."""

    def __getattr__(self, name: str) -> Any:
        if name != 'DRN':
            raise AttributeError(
                f'module {self.__name__!r} has no attribute {name!r}')
        self.DRN = _register_drn()
        return self.DRN


def _register_drn() -> type:
    """Register a class in the place of MMAction2's ``DRN``.

    Returns:
        type: The class. Building it raises an ImportError.
    """
    from mmaction.registry import MODELS

    @MODELS.register_module()
    class DRN:
        """Placeholder of a localizer that is not installed."""

        def __init__(self, *args, **kwargs) -> None:
            raise ImportError(
                'DRN needs mmaction.models.localizers.drn, which this wheel '
                'of mmaction2 lacks (open-mmlab/mmaction2 issue 2714); '
                'install mmaction2 from a source checkout to use it')

    return DRN
