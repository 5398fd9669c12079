from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import OptConfigType


@MODELS.register_module()
class SqueezeExcitation(BaseModule):
    """Weights for the channels from the mean of a video.

    ``g * x`` with ``g = sigmoid(W_2 ReLU(W_1 z + b_1) + b_2)`` and z the mean
    over the valid cells.

    Args:
        channels (int): C, channels of the features.
        reduction (int): W_1 maps C channels to C / reduction, at least one.
            Defaults to 16.
        init_cfg (dict, optional): Initialisation. Defaults to None.

    Raises:
        ValueError: If ``reduction`` is not positive.

    Reference:
        Hu et al., Squeeze-and-Excitation Networks, CVPR 2018.
    """

    def __init__(self,
                 channels: int,
                 reduction: int = 16,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        if reduction < 1:
            raise ValueError(
                f'reduction must be positive, but got {reduction}')
        hidden = max(channels // reduction, 1)
        self.reduce = nn.Linear(channels, hidden)
        self.expand = nn.Linear(hidden, channels)

    def init_weights(self) -> None:
        """Zero the biases, so that the weights start near one half."""
        nn.init.zeros_(self.reduce.bias)
        nn.init.zeros_(self.expand.bias)
        super().init_weights()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Weigh the channels of (B, C, T), zero on padding."""
        count = mask.sum(2).clamp(min=1)  # (B, 1)
        hidden = self.reduce(x.sum(2) / count).relu()
        return x * self.expand(hidden).sigmoid()[:, :, None]
