import numpy as np

from dyfadet_mm.registry import TASK_UTILS
from .base import BaseFeatureReader
from .safe_loading import load_tensor_pickle
from .selection import as_array, select_key

_PARTS = ('slow_feature', 'fast_feature')


@TASK_UTILS.register_module()
class SlowFastPickleReader(BaseFeatureReader):
    """SlowFast features of HACS Segments, one pickle per video.

    A file holds a dict with ``slow_feature`` (1, 2048, T) and
    ``fast_feature`` (1, 256, T), tensors or arrays, the leading axis being
    optional. They become (T, 2304), slow channels first. A pickle that names
    anything but arrays and tensors is refused; nothing it carries is run.
    """

    def decode(self, content: bytes) -> np.ndarray:
        """Turn the bytes of a pickle into an array.

        Args:
            content (bytes): The whole file.

        Returns:
            ndarray: Slow and fast features, (T, C).

        Raises:
            ValueError: If it is no pickle, damaged, names another class, or
                does not hold both parts with one number of cells.
        """
        data = load_tensor_pickle(content)
        slow, fast = (_rows(data, name) for name in _PARTS)
        if len(slow) != len(fast):
            raise ValueError(
                'have one number of slow and fast cells, but got '
                f'{len(slow)} and {len(fast)}; shapes must be (1, C, T)')
        return np.concatenate([slow, fast], axis=1)  # (T, C)


def _rows(data: dict, name: str) -> np.ndarray:
    """One part of a file with a row per cell, (T, C)."""
    part = as_array(data[select_key(data, name)])
    if part.ndim == 3 and len(part) == 1:
        part = part[0]
    if part.ndim != 2:
        raise ValueError(f'have {name!r} of shape (1, C, T), but got '
                         f'{part.shape}')
    return part.T
