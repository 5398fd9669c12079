"""``python -m dyfadet_mm.utils.collect_env``: what to put in a bug report."""
from typing import Dict

from mmengine.utils import get_git_hash
from mmengine.utils.dl_utils import collect_env as collect_basic_env

from dyfadet_mm.compat import status
from dyfadet_mm.compat.versions import MMCV, MMENGINE, installed
from dyfadet_mm.version import __version__

_PACKAGES = {
    'MMEngine': MMENGINE,
    'MMCV': MMCV,
    'MMAction2': ('mmaction2', ),
    'MMDetection': ('mmdet', ),
}


def collect_env() -> Dict[str, str]:
    """Versions of the packages below us, and what was mended in them.

    Returns:
        dict[str, str]: MMEngine's environment information, the versions of
        the packages below us and of dyfadet_mm, and one entry per mend with
        its state.
    """
    info = dict(collect_basic_env())
    for title, names in _PACKAGES.items():
        info[title] = _version(*names)
    info['dyfadet_mm'] = f'{__version__}+{get_git_hash(digits=7)}'
    for name, state in status().items():
        info[f'dyfadet_mm.compat.{name}'] = state
    return info


def _version(*names: str) -> str:
    """Version and name of the first distribution that is installed."""
    found = installed(names)
    return 'not installed' if found is None else f'{found[1]} ({found[0]})'


if __name__ == '__main__':
    for key, value in collect_env().items():
        print(f'{key}: {value}')
