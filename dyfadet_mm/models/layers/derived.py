from typing import Any, Callable, Optional, Tuple

import torch
from torch import Tensor


class Derived:
    """Something computed from parameters, kept while they do not change.

    Without gradients, as in testing, the value is computed once and used
    again as long as the parameters are equal to those it came from. The
    comparison is by value: version counters miss edits of ``param.data``,
    which MMEngine's EMA makes. With gradients the value is computed each
    time, so that they flow.

    Args:
        function (callable): Takes the parameters, returns tensors.
    """

    def __init__(self, function: Callable) -> None:
        self.function = function
        self._params: Optional[Tuple[Tensor, ...]] = None
        self._value: Any = None

    def __call__(self, *params: Tensor) -> Any:
        """The value that belongs to these parameters."""
        if torch.is_grad_enabled() or is_compiling():
            return self.function(*params)
        if self._params is None or not all(map(_same, params, self._params)):
            self._value = self.function(*params)
            self._params = tuple(param.detach().clone() for param in params)
        return self._value

    def __deepcopy__(self, memo: dict) -> 'Derived':
        return type(self)(self.function)

    def __getstate__(self) -> dict:
        return dict(function=self.function, _params=None, _value=None)


def is_compiling() -> bool:
    """Whether ``torch.compile`` traces, as far as this PyTorch can tell."""
    tell = getattr(torch.compiler, 'is_compiling', None)
    return tell is not None and tell()


def _same(first: Tensor, second: Tensor) -> bool:
    return (first.device == second.device and first.dtype == second.dtype
            and torch.equal(first, second))
