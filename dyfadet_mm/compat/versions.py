"""Are the packages below us there, complete, and do their versions fit?"""
import os.path as osp
from importlib import metadata
from importlib.machinery import all_suffixes
from importlib.util import find_spec
from typing import Iterable, NamedTuple, Optional, Tuple


class Requirement(NamedTuple):
    """One package that must be there before anything else is imported.

    Attributes:
        name (str): Name of the package, as a person knows it.
        distributions (tuple[str]): Names under which it may be installed.
        minimum (str): Oldest version that works.
        below (str, optional): First version that is refused. None stands for
            no upper limit.
        install (str): Command that installs it.
    """

    name: str
    distributions: Tuple[str, ...]
    minimum: str
    below: Optional[str]
    install: str

    def __str__(self) -> str:
        limit = '' if self.below is None else f', < {self.below}'
        return f'{self.name} >= {self.minimum}{limit}'


# Distributions of one package. onedl-mmengine is the maintained fork of
# MMEngine, whose authors release nothing any more.
MMENGINE = ('mmengine', 'mmengine-lite', 'onedl-mmengine')
MMCV = ('mmcv', 'mmcv-lite')

# The upper limits are those that MMAction2 1.2 and MMDetection 3.3 impose.
# mmcv and mmcv-lite overwrite each other, so neither is a hard requirement
# of ours: a person chooses one.
REQUIREMENTS = (
    Requirement('torch', ('torch', ), '2.1', None, "pip install 'torch>=2.1'"),
    Requirement('mmengine', MMENGINE, '0.10.4', '1.0.0',
                "pip install 'mmengine>=0.10.4,<1.0.0'"),
    Requirement(
        'mmcv', MMCV, '2.0.0rc4', '2.2.0',
        "pip install 'mmcv-lite>=2.0.0rc4,<2.2.0' (no compiled ops, enough "
        "for dyfadet_mm), or mim install 'mmcv>=2.0.0rc4,<2.2.0'"),
    Requirement('mmaction2', ('mmaction2', ), '1.2.0', None,
                "pip install 'mmaction2>=1.2.0'"),
    Requirement('mmdet', ('mmdet', ), '3.0.0', None,
                "pip install 'mmdet>=3.0.0'"),
)


def installed(distributions: Iterable[str]) -> Optional[Tuple[str, str]]:
    """Find the installed one of several distributions, without importing it.

    Args:
        distributions (Iterable[str]): Names under which a package may be
            installed.

    Returns:
        tuple[str, str] or None: Name and version of the first that is
        installed, None if none is.
    """
    for distribution in distributions:
        try:
            return distribution, metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def installed_version(requirement: Requirement) -> Optional[str]:
    """Version of an installed package, without importing it.

    Args:
        requirement (Requirement): The package.

    Returns:
        str or None: Its version, None if it is not installed.
    """
    found = installed(requirement.distributions)
    return None if found is None else found[1]


def has_module(package: str, *path: str) -> bool:
    """Whether an installed package ships a module.

    Args:
        package (str): Name of the top-level package.
        path (str): Folders and name of the module below the package.

    Returns:
        bool: True if a source or compiled file of the module lies in the
        package, or a folder of that name with an ``__init__.py``.
    """
    spec = find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        return False
    stems = [
        stem for root in spec.submodule_search_locations
        for stem in (osp.join(root, *path), osp.join(root, *path, '__init__'))
    ]
    return any(
        osp.isfile(stem + suffix) for stem in stems
        for suffix in all_suffixes())


def check_versions() -> None:
    """Check every package of :data:`REQUIREMENTS`.

    Raises:
        ImportError: If one is missing or its version does not fit. The
            message holds the command that installs it.
    """
    found = {each: installed_version(each) for each in REQUIREMENTS}
    for each, version in found.items():
        if version is None:
            raise ImportError(f'{each} must be installed, but it is missing; '
                              f'run: {each.install}')

    from mmengine.utils import digit_version
    for each, version in found.items():
        number = digit_version(version)
        fits = number >= digit_version(
            each.minimum) and (each.below is None
                               or number < digit_version(each.below))
        if not fits:
            raise ImportError(f'dyfadet_mm needs {each}, but got {version}; '
                              f'run: {each.install}')
