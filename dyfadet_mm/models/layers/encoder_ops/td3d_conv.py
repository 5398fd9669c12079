import torch
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells
from .deform_conv import DeformConv1d


@MODELS.register_module()
class TD3dConv1d(DeformConv1d):
    """Deformable convolution whose kernel is weighed for every video.

    A temporal attention summarises the video, ``z = sum_t a(t) x(t)`` with
    ``a = softmax over the valid cells of e(x)``, and sets one weight per
    input channel, ``m = 2 sigmoid(U z + u)``; a :class:`DeformConv1d` runs on
    ``m * x``. U, u and the offsets start at zero, so that the layer starts as
    a convolution. The 1x1 convolution e has no bias, which a softmax ignores.

    Args: Those of :class:`PlainConv1d`, and ``init_cfg``.

    Note:
        The simplest form of temporal deformable convolution for features of
        one dimension; the DyFADet paper compares with it and gives no
        formula.
    """

    def __init__(self, in_channels: int, *args, **kwargs) -> None:
        super().__init__(in_channels, *args, **kwargs)
        self.attention = nn.Linear(in_channels, 1, bias=False)  # e
        self.modulation = nn.Linear(in_channels, in_channels)  # U, u

    def init_weights(self) -> None:
        """Start as a convolution."""
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        super().init_weights()

    def forward(self, x: Tensor, cells: Cells) -> Tensor:
        """Convolve, (B, C_in, T) to (B, C_out, ceil(T / r))."""
        x = x * cells.mask
        score = self.attention(x.transpose(1, 2)).transpose(1, 2)  # (B, 1, T)
        # finite, so that a video without valid cells has a softmax too
        score = score.masked_fill(~cells.mask, torch.finfo(score.dtype).min)
        summary = (score.softmax(2) * x).sum(2)  # (B, C_in)
        weight = 2 * self.modulation(summary).sigmoid()
        return super().forward(x * weight[:, :, None], cells)
