"""Lets MMAction2's ``ColorJitter`` turn hues under NumPy 2.

It adds a negative number to an array of uint8, which NumPy 2 refuses with an
OverflowError. The result here is that under NumPy 1.

Upstream: no issue, MMAction2 1.2.0 is older than NumPy 2.
Delete when: the oldest MMAction2 we support turns hues under NumPy 2.
"""
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Optional, Sequence

import numpy as np

MODULE = 'mmaction.datasets.transforms.processing'


def unneeded() -> Optional[str]:
    """Why there is nothing to mend, or None if there is."""
    if int(np.__version__.split('.')[0]) < 2:
        return 'NumPy is older than 2'
    if any(isinstance(each, _Finder) for each in sys.meta_path):
        return 'the method will be replaced already'
    module = sys.modules.get(MODULE)
    if module is not None and module.ColorJitter.adjust_hue is _adjust_hue:
        return 'the method is replaced already'
    return None


def apply() -> None:
    """Replace the method, as soon as its module is there."""
    if MODULE in sys.modules:
        _replace(sys.modules[MODULE])
    else:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds the one module."""

    def find_spec(self,
                  fullname: str,
                  path: Optional[Sequence[str]],
                  target: Optional[ModuleType] = None) -> Optional[ModuleSpec]:
        if fullname != MODULE:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    """Loads the module, then mends it."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _replace(module)


def _replace(module: ModuleType) -> None:
    """Replace the method of the class."""
    module.ColorJitter.adjust_hue = staticmethod(_adjust_hue)


def _adjust_hue(img: np.ndarray, factor: float) -> np.ndarray:
    """Turn the hues of an image, RGB, 0 to 255, (H, W, 3), by a share."""
    import cv2
    hsv = cv2.cvtColor(img.clip(0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV)
    hues = hsv[..., 0].astype(np.int16) + int(factor * 255)
    hsv[..., 0] = hues % 180  # of OpenCV, half degrees
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)
