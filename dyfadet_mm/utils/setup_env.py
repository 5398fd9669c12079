"""Registering every module of the package, as MMEngine expects it."""
import warnings
from datetime import datetime

from mmengine.registry import DefaultScope

SCOPE = 'dyfadet_mm'


def register_all_modules(init_default_scope: bool = True) -> None:
    """Register every module of dyfadet_mm.

    Args:
        init_default_scope (bool): Whether ``dyfadet_mm`` becomes the default
            scope, in which a type without prefix is looked up. Defaults to
            True.
    """
    import dyfadet_mm.datasets  # noqa: F401
    import dyfadet_mm.engine  # noqa: F401
    import dyfadet_mm.evaluation  # noqa: F401
    import dyfadet_mm.fileio  # noqa: F401
    import dyfadet_mm.models  # noqa: F401
    import dyfadet_mm.visualization  # noqa: F401

    if not init_default_scope:
        return
    current = DefaultScope.get_current_instance()
    if current is not None and current.scope_name == SCOPE:
        return
    name = SCOPE
    if current is not None:
        warnings.warn(
            f'the default scope {current.scope_name!r} is replaced by '
            f'{SCOPE!r}; pass init_default_scope=False to keep it')
    if DefaultScope.check_instance_created(name):
        name = f'{SCOPE}-{datetime.now()}'  # instance names are unique
    DefaultScope.get_instance(name, scope_name=SCOPE)
