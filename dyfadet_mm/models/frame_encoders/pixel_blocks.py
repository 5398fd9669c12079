import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from dyfadet_mm.registry import MODELS


@MODELS.register_module()
class PixelBlocks(BaseModule):
    """Features that are the brightness of the blocks of a picture.

    For the digit streams, whose cells are scans of 8 x 8 pixels: it reads a
    scan back from a frame that shows it, however large.

    Args:
        size (int): Blocks per side. Defaults to 8.
        darkest (float): Feature of a black block. Defaults to -4.
        brightest (float): Feature of a white block. Defaults to 5.
    """

    def __init__(self,
                 size: int = 8,
                 darkest: float = -4.,
                 brightest: float = 5.) -> None:
        super().__init__()
        self.size = size
        self.darkest = darkest
        self.brightest = brightest

    def forward(self, clips: Tensor) -> Tensor:
        """Mean brightness of clips (B, 3, T, H, W) in [0, 1], (B, size^2)."""
        grey = clips.mean((1, 2))  # (B, H, W)
        blocks = F.adaptive_avg_pool2d(grey, self.size).flatten(1)
        return self.darkest + (self.brightest - self.darkest) * blocks
