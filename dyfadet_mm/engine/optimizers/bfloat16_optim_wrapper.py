from contextlib import contextmanager
from typing import Iterator

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from torch import nn

from dyfadet_mm.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class Bfloat16OptimWrapper(OptimWrapper):
    """Train in bfloat16 mixed precision, on a GPU or a CPU.

    The range of bfloat16 is that of float32, so that losses need no scaling;
    MMEngine's ``AmpOptimWrapper`` for float16 scales them and needs a GPU.
    Weights, their gradients and the losses stay float32.

    .. code-block:: python

        optim_wrapper = dict(type='dyfadet_mm.Bfloat16OptimWrapper')
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the model under it.

        Args:
            model (nn.Module): The model.
        """
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
