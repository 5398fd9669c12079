import torch
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS


@MODELS.register_module()
class ScalarScale(nn.Module):
    """A single learnable factor.

    Args:
        init_value (float): Initial factor. Defaults to 1.0.
    """

    def __init__(self, init_value: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float(init_value)))

    def forward(self, x: Tensor) -> Tensor:
        """Multiply a tensor of any shape by the factor."""
        return x * self.scale
