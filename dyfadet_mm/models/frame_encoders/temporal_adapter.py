from typing import Optional

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import OptMultiConfig


@MODELS.register_module()
class TemporalAdapter(BaseModule):
    """Exchanges features along time, at every spatial position alike.

    ``x + gamma W_up(h + conv_1(dwconv_3(h)))`` with ``h = GELU(W_down x)``.
    It starts as the identity, since ``W_up`` and its bias start at zero.

    Args:
        channels (int): C, channels of the features.
        ratio (float): h has ``ratio`` C channels. Defaults to 0.25.

    Raises:
        ValueError: If h would have no channel.

    Reference:
        Liu et al., End-to-End Temporal Action Detection with 1B Parameters
        Across 1000 Frames, CVPR 2024.
    """

    def __init__(self,
                 channels: int,
                 ratio: float = 0.25,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        hidden = int(ratio * channels)
        if hidden < 1:
            raise ValueError(f'ratio must leave a channel of {channels}, but '
                             f'got {ratio}')
        self.gamma = nn.Parameter(torch.empty(1))
        self.down_proj = nn.Linear(channels, hidden)
        self.dwconv = nn.Conv1d(hidden, hidden, 3, groups=hidden)
        self.conv = nn.Conv1d(hidden, hidden, 1)
        self.up_proj = nn.Linear(hidden, channels)
        self._reset()

    def init_weights(self) -> None:
        """Draw again, as a backbone draws for all linear layers in it."""
        self._reset()
        super().init_weights()

    def _reset(self) -> None:
        """Start as the identity."""
        nn.init.ones_(self.gamma)
        nn.init.trunc_normal_(self.down_proj.weight, std=0.02)
        nn.init.normal_(self.dwconv.weight, std=(2 / 3)**0.5)
        nn.init.normal_(self.conv.weight, std=(2 / self.conv.in_channels)**0.5)
        nn.init.zeros_(self.up_proj.weight)
        for layer in (self.down_proj, self.dwconv, self.conv, self.up_proj):
            nn.init.zeros_(layer.bias)

    def forward(self,
                x: Tensor,
                before: Optional[Tensor] = None,
                after: Optional[Tensor] = None) -> Tensor:
        """Adapt a part of a video, (B, T, H, W, C).

        ``before`` and ``after`` are the steps of time beside it, (B, 1, H, W,
        C), or None where the video begins or ends.
        """
        steps = [each for each in (before, x, after) if each is not None]
        joined = torch.cat(steps, 1) if len(steps) > 1 else x
        h = F.gelu(self.down_proj(joined))  # (B, T', H, W, c)
        batch, _, height, width, _ = h.shape
        rows = h.permute(0, 2, 3, 4, 1).flatten(0, 2)  # (B H W, c, T')
        ends = int(before is None), int(after is None)
        rows = F.pad(rows, ends)  # T + 2 steps, of h and not of x
        a = self.conv(self.dwconv(rows))  # (B H W, c, T)
        a = a.unflatten(0, (batch, height, width)).permute(0, 4, 1, 2, 3)
        h = h.narrow(1, int(before is not None), x.size(1))
        return x + self.gamma * self.up_proj(h + a)
