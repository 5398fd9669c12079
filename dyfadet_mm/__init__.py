"""DyFADet, temporal action detection on MMEngine and MMAction2."""
from .compat import apply_mends, check_versions
from .version import __version__

check_versions()
apply_mends()

__all__ = ['__version__']
