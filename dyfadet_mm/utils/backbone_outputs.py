"""What backbones of MMAction2 return."""
from typing import Any, List

from torch import Tensor


def maps_of(outputs: Any) -> List[Tensor]:
    """Feature maps among the outputs of a backbone.

    Args:
        outputs (Tensor | Sequence): (B, C, ...), or several, as the slow and
            the fast pathway, in sequences that may be nested once.

    Returns:
        list[Tensor]: The maps, without class tokens (B, C) beside them.
    """
    if isinstance(outputs, Tensor):
        return [outputs]
    outputs = [
        each for part in outputs
        for each in (part if isinstance(part, (list, tuple)) else [part])
    ]
    return [each for each in outputs if each.ndim > 2] or outputs
