"""Tells MMEngine's hub that ``dyfadet_mm::`` names a package.

``mmengine.hub.get_model('PKG::...')`` and ``_base_ = ['PKG::...']`` accept
only packages in a table inside MMEngine.

Upstream: no issue, the table lists OpenMMLab's own packages.
Delete when: MMEngine accepts any installed package, or lists this one.
"""
from typing import Optional

from mmengine.config.utils import MODULE2PACKAGE

PACKAGE = 'dyfadet_mm'


def unneeded() -> Optional[str]:
    """Why there is nothing to mend, or None if there is."""
    if PACKAGE in MODULE2PACKAGE:
        return 'MMEngine lists the package'
    return None


def apply() -> None:
    """Add the package to the table."""
    MODULE2PACKAGE[PACKAGE] = PACKAGE
