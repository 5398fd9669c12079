from typing import Any, Callable

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn

from dyfadet_mm.ops.checks import check_number
from dyfadet_mm.registry import MODELS


@MODELS.register_module()
class LossNormalizer(nn.Module):
    """Running mean of the number of positive points.

    It moves in training mode alone: after ``eval()`` losses are divided by it
    and change nothing. In distributed training it is that of all processes
    together, and each one divides by its share, so that several processes
    train as one with a batch as large as all of theirs. The mean is a buffer,
    so that a resumed run goes on with it, with any number of processes, and
    float32 whatever the model is converted to: float16 has no number above
    65504, and none between 2048 and 2050. Checkpoints that do not hold it
    keep the initial value.

    Args:
        init_value (float): Value at the start, positive. Defaults to 100.
        momentum (float): Weight of the past, in [0, 1]. Defaults to 0.9.

    Raises:
        ValueError: If one of them is out of range.

    Attributes:
        num_positives (Tensor): Positive points of all processes in training
            since the module was made, scalar and float32. It is not saved;
            ``PositivesCheckHook`` reads it.
    """

    def __init__(self, init_value: float = 100., momentum: float = 0.9):
        super().__init__()
        value = check_number('init_value', init_value)
        check_number('momentum', momentum)
        limits = torch.finfo(torch.float32)
        if not limits.tiny <= value <= limits.max:
            raise ValueError('init_value must be a positive number, but got '
                             f'{init_value}')
        if not 0 <= momentum <= 1:
            raise ValueError(f'momentum must be in [0, 1], but got {momentum}')
        self.momentum = momentum
        self.register_buffer('value', torch.tensor(value, dtype=torch.float))
        # counted on the device of the model, so that nothing waits for it
        self.register_buffer(
            'num_positives',
            torch.zeros((), dtype=torch.float),
            persistent=False)

    @torch.no_grad()
    def forward(self, num_positives: Tensor) -> Tensor:
        """Update the mean, in training mode, by a batch of this process.

        Returns the divisor of the losses of this process, scalar. Their
        gradients are averaged over the processes.
        """
        if self.training:
            count = num_positives.to(self.value).clone()
            all_reduce(count, op='sum')
            self.num_positives.add_(count)
            self.value.mul_(self.momentum).add_(
                (1 - self.momentum) * count.clamp(min=1))
        return self.value / get_world_size()

    def _apply(self, fn: Callable[[Tensor], Tensor], *args: Any,
               **kwargs: Any) -> nn.Module:
        """Move to another device, and never to another type of number."""

        def move(buffer: Tensor) -> Tensor:
            moved = fn(buffer)
            same = moved.dtype == buffer.dtype
            return moved if same else buffer.to(moved.device)

        return super()._apply(move, *args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args,
                              **kwargs) -> None:
        """Accept weights without the mean, or with one of another type."""
        state_dict.setdefault(f'{prefix}value', self.value)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        self.value = self.value.float()  # assign=True takes what is there
