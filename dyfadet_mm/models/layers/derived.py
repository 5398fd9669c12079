from typing import Any, Callable, Optional, Tuple

import torch
from torch import Tensor, nn

from dyfadet_mm.ops.dispatch import is_traced


class Derived:
    """Something computed from parameters, kept while they do not change.

    Without gradients, as in testing, the value is computed once. It belongs
    to the memory and the version of the parameters; edits of ``param.data``,
    such as those of MMEngine's EMA, change neither, so that the owner must
    :meth:`forget` it in ``train`` and ``eval``, see :class:`DerivesWeights`.
    With gradients the value is computed each time, so that they flow.

    Args:
        function (callable): Takes the parameters, and keywords that are no
            tensors; returns tensors.
    """

    def __init__(self, function: Callable) -> None:
        self.function = function
        # one attribute, so that threads see all of it together: parameters,
        # their states, the value
        self._kept: Optional[Tuple[Tuple[Tensor, ...], tuple, Any]] = None

    def __call__(self, *params: Tensor, **options: Any) -> Any:
        """The value that belongs to these parameters."""
        if torch.is_grad_enabled() or is_traced():
            return self.function(*params, **options)
        state = (*map(_state, params), *options.items())
        kept = self._kept
        if (kept is None or kept[1] != state
                or any(a is not b for a, b in zip(kept[0], params))):
            kept = params, state, self.function(*params, **options)
            self._kept = kept
        return kept[2]

    def forget(self) -> None:
        """Compute the value anew when it is needed next."""
        self._kept = None

    def __deepcopy__(self, memo: dict) -> 'Derived':
        return type(self)(self.function)

    def __getstate__(self) -> dict:
        return dict(function=self.function, _kept=None)


def _state(param: Tensor) -> tuple:
    """What changes with what a parameter holds."""
    # tensors made in inference mode have no version
    version = None if param.is_inference() else param._version
    return param.data_ptr(), version


class DerivesWeights(nn.Module):
    """Mixin of modules with :class:`Derived` attributes, which it forgets
    when the module changes: mode, weights, device or dtype."""

    def forget(self) -> None:
        """Forget what is derived from the weights."""
        for value in vars(self).values():
            if isinstance(value, Derived):
                value.forget()

    def train(self, mode: bool = True) -> nn.Module:
        """Also called by ``eval``."""
        self.forget()
        return super().train(mode)

    def _apply(self, *args, **kwargs) -> nn.Module:
        self.forget()
        return super()._apply(*args, **kwargs)

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        self.forget()
        super()._load_from_state_dict(*args, **kwargs)
