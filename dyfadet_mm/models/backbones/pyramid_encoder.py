from typing import Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.utils.typing import ConfigType, OptConfigType, OptMultiConfig
from ..layers import ChannelLayerNorm, MaskedConv1d, last_valid, round_length


@MODELS.register_module()
class PyramidEncoder(BaseModule):
    """Skeleton of the encoders: embedding, stem, one layer per further level.

    Level 0 is the output of the stem; every layer of the branch halves the
    grid, so the stride of level l is 2^l.

    Args:
        in_channels (int): C_in, channels of the video features.
        stem_layer (dict): Layer of the stem, which maps (features, mask) to
            the same; it receives ``channels`` and ``stride`` from here.
        branch_layer (dict): Layer of the branch, likewise.
        embed_channels (int): C, channels of all levels. Defaults to 512.
        arch (Sequence[int]): Number of embedding convolutions, of stem
            layers, of branch layers. Defaults to (2, 2, 5).
        embed_kernel_size (int): Kernel of the embedding. Defaults to 3.
        embed_norm (bool): Whether a LayerNorm follows each embedding
            convolution, which then has no bias. Defaults to True.
        position (dict, optional): Position encoding, which receives
            ``channels`` from here. Defaults to None.
        norm_cfg (dict): Arguments of the embedding's norms, such as ``eps``.
            Defaults to an empty dict.
        mask_embed (bool): Whether the embedding zeroes padding again behind
            norm and ReLU, as in OpenTAD. Defaults to False, as published:
            padding holds the rectified bias of the norm.
        init_cfg (dict | list[dict], optional): Initialisation.

    Raises:
        ValueError: If ``arch`` is not three numbers.
    """

    def __init__(self,
                 in_channels: int,
                 stem_layer: ConfigType,
                 branch_layer: ConfigType,
                 embed_channels: int = 512,
                 arch: Sequence[int] = (2, 2, 5),
                 embed_kernel_size: int = 3,
                 embed_norm: bool = True,
                 position: OptConfigType = None,
                 norm_cfg: ConfigType = dict(),
                 mask_embed: bool = False,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        if len(arch) != 3:
            raise ValueError('arch must be three numbers (embedding, stem, '
                             f'branch), but got {arch}')
        self.in_channels = in_channels
        self.ignore_padding = False
        self.mask_embed = mask_embed
        self.embed_channels = embed_channels
        num_embed, num_stem, num_branch = arch

        self._embed_reach = embed_kernel_size // 2
        self.embed = ModuleList()
        self.embed_norms = ModuleList()
        for i in range(num_embed):
            self.embed.append(
                MaskedConv1d(
                    embed_channels if i else in_channels,
                    embed_channels,
                    embed_kernel_size,
                    bias=not embed_norm))
            self.embed_norms.append(
                ChannelLayerNorm(embed_channels, **norm_cfg
                                 ) if embed_norm else nn.Identity())
        self.position = None
        if position is not None:
            self.position = MODELS.build(
                dict(channels=embed_channels, **position))

        def layers(num: int, stride: int, cfg: ConfigType) -> ModuleList:
            cfg = dict(channels=embed_channels, stride=stride, **cfg)
            return ModuleList(MODELS.build(cfg) for _ in range(num))

        self.stem = layers(num_stem, 1, stem_layer)
        self.branch = layers(num_branch, 2, branch_layer)

    def init_weights(self) -> None:
        """Zero the biases of the embedding."""
        for conv in self.embed:
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
        super().init_weights()

    def forward(self, x: Tensor,
                mask: Tensor) -> Tuple[Tuple[Tensor, ...], Tuple[Tensor, ...]]:
        """Encode a batch of videos.

        Args:
            x (Tensor): Video features, zero on padding, (B, C_in, T).
            mask (Tensor): Valid cells, (B, 1, T).

        Returns:
            tuple: Features (B, C, T_l) and masks (B, 1, T_l) of every level,
            T_l = ceil(T / 2^l).

        Raises:
            ValueError: If the features do not have C_in channels.
        """
        if x.size(1) != self.in_channels:
            raise ValueError(
                f'features must have {self.in_channels} channels '
                '(model.backbone.in_channels), but got '
                f'{x.size(1)}; set in_channels to the dimension of the '
                'feature files')
        x = self._embed(x, mask)
        if self.position is not None:
            x = self.position(x, mask)
        for layer in self.stem:
            x, mask = layer(x, mask)
        feats, masks = [x], [mask]
        for layer in self.branch:
            x, mask = layer(x, mask)
            feats.append(x)
            masks.append(mask)
        return tuple(feats), tuple(masks)

    def _embed(self, x: Tensor, mask: Tensor) -> Tensor:
        """Embed the features, (B, C_in, T) to (B, C, T).

        The convolutions are masked, so that all cells further behind the
        last valid one than a kernel reaches come out the same; one of them
        is computed.
        """
        if not self.embed:
            return x
        total = x.size(2)
        length = int(last_valid(mask).max()) + self._embed_reach
        length = min(round_length(length), total)
        x, mask = x[..., :length], mask[..., :length]
        if self.ignore_padding:
            x = x * mask  # noise may have been added
        padding = x.new_zeros(1, self.embed_channels, 1)
        for conv, norm in zip(self.embed, self.embed_norms):
            x = F.relu(norm(conv(x, mask)))
            padding = F.relu(norm(torch.zeros_like(padding)))
            if self.ignore_padding or self.mask_embed:
                x, padding = x * mask, 0 * padding
        if length == total:
            return x
        padding = padding.expand(len(x), -1, total - length)
        return torch.cat((x.transpose(1, 2), padding.transpose(1, 2)),
                         1).transpose(1, 2)
