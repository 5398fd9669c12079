"""Are these tensors weights, or something that a file only calls so?"""
from typing import Any, Dict

import torch
from torch import Tensor

from .errors import ConversionError, show

#: OpenTAD keeps a running mean as a whole number.
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16,
          torch.int32, torch.int64)


def check_tensors(weights: Dict[str, Any]) -> None:
    """Refuse what cannot be loaded into a parameter.

    Args:
        weights (dict[str, Tensor]): By name.

    Raises:
        ConversionError: If one is no dense tensor of finite numbers, or they
            show more numbers than are stored.
    """
    for name, value in weights.items():
        if not isinstance(value, Tensor):
            _refuse(name, show(value))
        if value.is_meta or value.layout is not torch.strided or (
                value.dtype not in DTYPES):
            _refuse(name, f'{value.dtype}, {value.layout}, {value.device}')
    # next, as all else reads every number
    _check_storages(weights)
    for name, value in weights.items():
        if not value.isfinite().all():
            _refuse(name, 'NaN or infinite in some place')


def _refuse(name: str, problem: str) -> None:
    raise ConversionError('state_dict must hold dense tensors of finite '
                          f'numbers, but {name!r} is {problem}')


def _check_storages(weights: Dict[str, Tensor]) -> None:
    """Refuse few stored numbers that are shown as very many."""
    stored = {
        value.untyped_storage().data_ptr(): value.untyped_storage().nbytes()
        for value in weights.values()
    }
    shown = sum(x.numel() * x.element_size() for x in weights.values())
    if shown > sum(stored.values()):
        raise ConversionError(
            'state_dict must hold tensors with numbers of their own, but '
            f'shows {shown} bytes of {sum(stored.values())}; save copies')
