"""DyFADet, temporal action detection on MMEngine and MMAction2."""
from .compat import apply_mends, check_versions
from .version import __version__
from .zoo import register_scheme

check_versions()
apply_mends()
register_scheme()

__all__ = ['__version__']
