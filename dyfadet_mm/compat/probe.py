"""Looking into installed packages without importing them."""
import os.path as osp
from importlib.machinery import all_suffixes
from importlib.util import find_spec


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
