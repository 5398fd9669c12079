import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS


@MODELS.register_module()
class ChannelLayerNorm(nn.Module):
    """LayerNorm over the channels of every cell.

    Padding is normalised too: a padded cell holds the bias afterwards.

    Args:
        channels (int): C, channels of the features.
        eps (float): Added to the variance. Defaults to 1e-5.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise.

        Args:
            x (Tensor): Features, (B, C, T).

        Returns:
            Tensor: Normalised features, (B, C, T).
        """
        cells = x.transpose(1, 2)  # (B, T, C)
        cells = F.layer_norm(cells, self.weight.shape, self.weight, self.bias,
                             self.eps)
        return cells.transpose(1, 2)
