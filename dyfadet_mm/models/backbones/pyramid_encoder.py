from typing import Optional, Sequence, Tuple, Union

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

    A layer says in ``halo`` how many padded cells behind the last valid one
    can reach its outputs at valid cells; None stands for all, as where
    statistics cover padding. If all layers have a number, the far padding is
    not computed. Then a layer must make all padded cells alike where those
    of its input are.

    Args:
        in_channels (int | Sequence[int]): C_in, channels of the video
            features; or of each source of features, in the order of the
            channels. Each source then has a 1x1 convolution of its own.
        stem_layer (dict): Layer of the stem, which maps (features, mask) to
            the same; it receives ``channels`` and ``stride`` from here.
        branch_layer (dict | Sequence[dict]): Layer of the branch, likewise;
            the same for all levels, or one for each.
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
        source_channels (Sequence[int], optional): What each source is mapped
            to, where ``in_channels`` is a list. Defaults to None.
        init_cfg (dict | list[dict], optional): Initialisation.

    Raises:
        ValueError: If ``arch`` is not three numbers, or there is not one
            entry of ``branch_layer`` for each layer or one of
            ``source_channels`` for each source.
    """

    def __init__(self,
                 in_channels: Union[int, Sequence[int]],
                 stem_layer: ConfigType,
                 branch_layer: Union[ConfigType, Sequence[ConfigType]],
                 embed_channels: int = 512,
                 arch: Sequence[int] = (2, 2, 5),
                 embed_kernel_size: int = 3,
                 embed_norm: bool = True,
                 position: OptConfigType = None,
                 norm_cfg: ConfigType = dict(),
                 mask_embed: bool = False,
                 source_channels: Optional[Sequence[int]] = None,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        if len(arch) != 3:
            raise ValueError('arch must be three numbers (embedding, stem, '
                             f'branch), but got {arch}')
        self.source_convs = _source_convs(in_channels, source_channels)
        if self.source_convs:
            self._split = list(in_channels)
            self.in_channels, in_channels = sum(in_channels), sum(
                source_channels)
        else:
            self.in_channels = in_channels
        self.ignore_padding = False
        self.mask_embed = mask_embed
        self.embed_channels = embed_channels
        num_embed, num_stem, num_branch = arch
        self.out_channels = embed_channels
        self.num_levels = num_branch + 1

        self._embeds = num_embed > 0 or len(self.source_convs) > 0
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

        def layers(stride: int, cfgs: Sequence[ConfigType]) -> ModuleList:
            return ModuleList(
                MODELS.build(
                    dict(channels=embed_channels, stride=stride, **cfg))
                for cfg in cfgs)

        self.stem = layers(1, [stem_layer] * num_stem)
        if isinstance(branch_layer, dict):
            branch_layer = [branch_layer] * num_branch
        if len(branch_layer) != num_branch:
            raise ValueError(
                f'branch_layer must be one dict or {num_branch} of them, one '
                'for each of the branch layers of arch, but got '
                f'{len(branch_layer)}')
        self.branch = layers(2, branch_layer)

    def init_weights(self) -> None:
        """Zero the biases of the embedding."""
        for conv in (*self.source_convs, *self.embed):
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
        total, valid = x.size(2), int(last_valid(mask).max())
        x = self._embed(x, mask, valid)
        if self.position is not None:
            x = self.position(x, mask)
        length = self._needed(valid, total)
        x, mask = x[..., :length], mask[..., :length]
        for layer in self.stem:
            x, mask = layer(x, mask)
        feats, masks = [x], [mask]
        for layer in self.branch:
            x, mask = layer(x, mask)
            feats.append(x)
            masks.append(mask)
        totals = [-(-total // 2**level) for level in range(len(feats))]
        return (tuple(map(_repeat_last, feats,
                          totals)), tuple(map(_repeat_last, masks, totals)))

    def _needed(self, valid: int, total: int) -> int:
        """Cells of level 0 without which no valid output would be right.

        The longest video has ``valid`` of the ``total`` cells.
        """
        halos = [
            getattr(layer, 'halo', None)
            for layer in (*self.stem, *self.branch)
        ]
        # noise may have been added to padding that nothing has embedded
        if None in halos or not self._embeds:
            return total
        # at least one padded cell on the coarsest level, and as many or more
        # on all others
        coarsest = 2**(self.num_levels - 1)
        cells = -(-valid // coarsest)
        length = (cells + max([1, *halos])) * coarsest
        return min(round_length(length), total)

    def _embed(self, x: Tensor, mask: Tensor, valid: int) -> Tensor:
        """Embed the features, (B, C_in, T) to (B, C, T).

        No video has more than ``valid`` cells. The convolutions are masked,
        so that all padded cells come out the same; those that valid cells
        can read, or one, are computed.
        """
        if not self._embeds:
            return x
        total = x.size(2)
        length = valid + max(self._embed_reach, 1)
        length = min(round_length(length), total)
        x, mask = x[..., :length], mask[..., :length]
        if self.ignore_padding:
            x = x * mask  # noise may have been added
        if self.source_convs:
            sources = x.split(self._split, 1)
            x = torch.cat([
                conv(source, mask)
                for conv, source in zip(self.source_convs, sources)
            ], 1)
        for conv, norm in zip(self.embed, self.embed_norms):
            x = F.relu(norm(conv(x, mask)))
            if self.ignore_padding or self.mask_embed:
                x = x * mask
        return _repeat_last(x, total)


def _source_convs(in_channels: Union[int, Sequence[int]],
                  source_channels: Optional[Sequence[int]]) -> ModuleList:
    """One convolution for each source of features, if there are several."""
    if isinstance(in_channels, int):
        in_channels = []
    source_channels = source_channels or []
    if len(in_channels) != len(source_channels):
        raise ValueError(
            'source_channels must have one entry for each source in '
            f'in_channels, {list(in_channels)}, but got '
            f'{list(source_channels)}')
    return ModuleList(
        MaskedConv1d(before, after, 1)
        for before, after in zip(in_channels, source_channels))


def _repeat_last(x: Tensor, total: int) -> Tensor:
    """Lengthen (B, C, T) to (B, C, ``total``) by its last cell."""
    rows = x.transpose(1, 2)  # the order of their memory
    rest = total - rows.size(1)
    if rest == 0:
        return x
    last = rows[:, -1:].expand(-1, rest, -1)
    return torch.cat((rows, last), 1).transpose(1, 2)
