import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS


@MODELS.register_module()
class LossNormalizer(nn.Module):
    """Running mean of the number of positive points.

    The mean is a float buffer, so that a resumed run goes on with it.
    Checkpoints that do not hold it keep the initial value.

    Args:
        init_value (float): Value at the start. Defaults to 100.
        momentum (float): Weight of the past. Defaults to 0.9.

    Attributes:
        num_positives (Tensor): Positive points per process since the module
            was made, scalar. It is not saved; ``PositivesCheckHook`` reads
            it.
    """

    def __init__(self, init_value: float = 100., momentum: float = 0.9):
        super().__init__()
        self.momentum = momentum
        self.register_buffer('value', torch.tensor(float(init_value)))
        # counted on the device of the model, so that nothing waits for it
        self.register_buffer(
            'num_positives', torch.zeros(()), persistent=False)

    @torch.no_grad()
    def forward(self, num_positives: Tensor) -> Tensor:
        """Update the mean and return it.

        Args:
            num_positives (Tensor): Positive points of the batch, scalar; the
                mean over the processes is taken in distributed training.

        Returns:
            Tensor: The divisor of the losses, scalar.
        """
        count = num_positives.to(self.value).clone()
        all_reduce(count, op='mean')
        self.num_positives.add_(count)
        self.value.mul_(self.momentum).add_(
            (1 - self.momentum) * count.clamp(min=1))
        return self.value.clone()

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args,
                              **kwargs) -> None:
        """Accept checkpoints of code that does not save the mean."""
        state_dict.setdefault(f'{prefix}value', self.value)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
