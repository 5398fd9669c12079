"""Mends for OpenMMLab's released packages, each only where it is needed.

One mend is one module with ``unneeded()``, which says why there is nothing to
mend or returns None, and ``apply()``. Its docstring names the upstream issue
and the condition under which to delete it. ``import dyfadet_mm`` applies all.
"""
from typing import Dict

from .versions import check_versions

MENDS = ('mmaction_localizers', 'mmaction_color_jitter', 'mmcv_ops',
         'checkpoint_globals', 'checkpoint_loader', 'hub_package',
         'config_references', 'config_text')
_status: Dict[str, str] = {}


def apply_mends() -> None:
    """Apply every mend that the installed packages need, once."""
    from importlib import import_module
    for name in MENDS:
        if name in _status:
            continue
        mend = import_module(f'.{name}', __name__)
        reason = mend.unneeded()
        if reason is None:
            mend.apply()
            _status[name] = 'active'
        else:
            _status[name] = f'not needed: {reason}'


def status() -> Dict[str, str]:
    """What was mended in this process.

    Returns:
        dict[str, str]: Name of every mend to ``'active'``, or to ``'not
        needed: '`` and the reason.
    """
    return dict(_status)


__all__ = ['apply_mends', 'check_versions', 'status']
