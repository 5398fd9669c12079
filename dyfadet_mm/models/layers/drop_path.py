import torch
from mmcv.cnn.bricks.drop import drop_path
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS


@MODELS.register_module()
class ScaledDropPath(nn.Module):
    """Stochastic depth with a learnable scale per channel.

    Args:
        channels (int): C, channels of the residual branch.
        drop_prob (float): Probability of dropping the branch of a video in
            training. Defaults to 0.1.
        init_scale (float): Initial scale. Defaults to 1e-4.
    """

    def __init__(self,
                 channels: int,
                 drop_prob: float = 0.1,
                 init_scale: float = 1e-4) -> None:
        super().__init__()
        self.drop_prob = drop_prob
        self.scale = nn.Parameter(torch.full((channels, ), init_scale))

    def forward(self, x: Tensor) -> Tensor:
        """Scale a residual branch (B, C, T) and drop it at random."""
        return drop_path(self.scale[:, None] * x, self.drop_prob,
                         self.training)
