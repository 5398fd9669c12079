"""One array out of a file of several."""
from typing import Any, Collection, Optional

import numpy as np
import torch

from .containers import describe_keys


def select_key(keys: Collection[str], key: Optional[str] = None) -> str:
    """Choose one of the keys of a file.

    Args:
        keys (Collection[str]): What there is.
        key (str, optional): What is wanted. Defaults to None, the only one.

    Returns:
        str: One of ``keys``.

    Raises:
        ValueError: If ``key`` is missing, or None is not enough to tell.
    """
    if key is None and len(keys) == 1:
        return next(iter(keys))
    if key in keys:
        return key
    wanted = 'one array only' if key is None else f'the key {key!r}'
    raise ValueError(f'have {wanted}, but got {describe_keys(keys)}; set key '
                     'of the reader to that of the features, or choose the '
                     'reader of this layout')


def as_array(value: Any) -> np.ndarray:
    """Turn what a file holds into an array.

    Args:
        value (ndarray | Tensor): Of any shape. A tensor may ask for a
            gradient; bfloat16, which NumPy lacks, becomes float32.

    Returns:
        ndarray: The same numbers.

    Raises:
        ValueError: If it is anything else, or a sparse or quantized tensor.
    """
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, torch.Tensor):
        raise ValueError('be an array or a tensor, but got '
                         f'{type(value).__name__}')
    value = value.detach().cpu()
    if value.dtype == torch.bfloat16:
        value = value.float()
    try:
        return value.numpy()
    except TypeError as error:
        raise ValueError('be a dense tensor of plain numbers, but got '
                         f'{value.layout} of {value.dtype}; save it as '
                         'float32') from error
