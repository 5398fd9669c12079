from functools import partial
from typing import Any, List, Optional, Sequence, Union

import torch
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from dyfadet_mm.registry import MODELS
from dyfadet_mm.structures import Cells, Padding, Pyramid
from dyfadet_mm.utils.typing import (ConfigType, OptConfigType, OptMultiConfig,
                                     TensorTuple)
from ..layers import MaskedConv1d, build_layer, build_norm


@MODELS.register_module()
class PyramidEncoder(BaseModule):
    """Skeleton of the encoders: embedding, stem, one layer per further level.

    Level 0 is the output of the stem; every layer of the branch halves the
    grid, so the stride of level l is 2^l.

    A layer maps features (B, C, T) and their :class:`Cells` to features
    (B, C, ceil(T / stride)). It may say in ``reach`` how many padded cells
    behind the last valid one can reach its outputs at valid cells. If all
    layers do, the far padding is not computed. Then a layer must make all
    padded cells alike where those of its input are.

    Args:
        in_channels (int | Sequence[int]): C_in, channels of the video
            features; or of each source of features, in the order of the
            channels. Each source then has a 1x1 convolution of its own.
        stem_layer (dict): It receives ``channels`` and ``stride`` from here.
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
        norm_cfg (dict): Of the embedding, such as ``eps``. Defaults to ``{}``.
        source_channels (Sequence[int], optional): What each source is mapped
            to, where ``in_channels`` is a list. Defaults to None.

    Raises:
        TypeError: If a layer does not take features and cells.
        ValueError: If ``arch`` is not three numbers, or ``branch_layer`` or
            ``source_channels`` are not as many as layers or sources.
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
                 source_channels: Optional[Sequence[int]] = None,
                 init_cfg: OptMultiConfig = None) -> None:
        super().__init__(init_cfg)
        if len(arch) != 3:
            raise ValueError('arch must be three numbers (embedding, stem, '
                             f'branch), but got {arch}')
        sources = [] if isinstance(in_channels, int) else list(in_channels)
        source_channels = list(source_channels or [])
        if len(sources) != len(source_channels):
            raise ValueError(
                'source_channels must have one entry for each source in '
                f'in_channels, {sources}, but got {source_channels}')
        self.source_convs = ModuleList(
            MaskedConv1d(*pair, 1) for pair in zip(sources, source_channels))
        self._split = sources
        self.in_channels = sum(sources) or in_channels
        self.embed_channels = embed_channels
        num_embed, num_stem, num_branch = arch
        self.out_channels = embed_channels
        self.num_levels = num_branch + 1

        self._embeds = num_embed > 0 or len(self.source_convs) > 0
        self._embed_reach = embed_kernel_size // 2
        widths = [sum(source_channels) or in_channels]
        widths += [embed_channels] * num_embed
        self.embed = ModuleList(
            MaskedConv1d(*pair, embed_kernel_size, bias=not embed_norm)
            for pair in zip(widths, widths[1:]))
        norm = (
            partial(build_norm, embed_channels, norm_cfg, self)
            if embed_norm else nn.Identity)
        self.embed_norms = ModuleList(norm() for _ in range(num_embed))
        self.position = None if position is None else build_layer(
            position, 'position', self, channels=embed_channels)

        def layers(name: str, stride: int,
                   cfgs: Sequence[ConfigType]) -> ModuleList:
            return ModuleList(
                build_layer(
                    cfg, name, self, channels=embed_channels, stride=stride)
                for cfg in cfgs)

        self.stem = layers('stem_layer', 1, [stem_layer] * num_stem)
        if isinstance(branch_layer, dict):
            branch_layer = [branch_layer] * num_branch
        if len(branch_layer) != num_branch:
            raise ValueError(
                f'branch_layer must be one dict or {num_branch} of them, one '
                'for each of the branch layers of arch, but got '
                f'{len(branch_layer)}')
        self.branch = layers('branch_layer', 2, branch_layer)

    def forward(self,
                x: Tensor,
                cells: Optional[Cells] = None) -> Union[Pyramid, TensorTuple]:
        """Encode a batch of videos, (B, C_in, T) to (B, C, T_l).

        T_l is ceil(T / 2^l). Without ``cells`` all are valid, and a plain
        tuple is returned, as necks of MMDetection expect it.

        Raises:
            ValueError: If the features do not have C_in channels.
        """
        if x.size(1) != self.in_channels:
            raise ValueError(
                f'features must have {self.in_channels} channels '
                '(model.backbone.in_channels), but got '
                f'{x.size(1)}; set in_channels to the dimension of the '
                'feature files')
        if cells is None:
            mask = torch.ones_like(x[:, :1], dtype=torch.bool)
            return self(x, Cells(mask)).feats
        total, finest = x.size(2), cells
        x = self._embed(x, cells)
        if self.position is not None:
            x = self.position(x, cells)
        length = self._needed(cells)
        x, cells = x[..., :length], cells.cut(length)
        for layer in self.stem:
            x = layer(x, cells)
        feats = [x]
        for layer in self.branch:
            x, cells = layer(x, cells), cells.halved
            feats.append(x)
        totals = [-(-total // 2**level) for level in range(len(feats))]
        return Pyramid.of(tuple(map(_repeat_last, feats, totals)), finest)

    def _needed(self, cells: Cells) -> int:
        """Cells of level 0 without which no valid output would be right."""
        total = cells.mask.size(2)
        reaches = [
            getattr(layer, 'reach', None)
            for layer in (*self.stem, *self.branch)
        ]
        if cells.padding is Padding.IGNORED:
            reaches = [0]
        # noise may have been added to padding that nothing has embedded
        if None in reaches or not self._embeds:
            return total
        for _ in self.branch:
            cells = cells.halved
        # at least one padded cell on the coarsest level, and as many or more
        # on all others
        needed = max(cells.extents) + max([1, *reaches])
        return min(needed * 2**len(self.branch), total)

    def _embed(self, x: Tensor, cells: Cells) -> Tensor:
        """Embed the features, (B, C_in, T) to (B, C, T).

        The convolutions are masked, so that all padded cells come out the
        same; those that valid cells can read, or one, are computed.
        """
        if not self._embeds:
            return x
        total = x.size(2)
        cells = cells.cut(max(cells.extents) + self._embed_reach)
        # noise may have been added
        x = cells.clean(x[..., :cells.mask.size(2)])
        if self.source_convs:
            sources = x.split(self._split, 1)
            x = torch.cat([
                conv(source, cells.mask)
                for conv, source in zip(self.source_convs, sources)
            ], 1)
        for conv, norm in zip(self.embed, self.embed_norms):
            x = norm(conv(x, cells.mask)).relu()
            if cells.padding is not Padding.PUBLISHED:
                x = x * cells.mask
        return _repeat_last(x, total)


def per_level(name: str, value: Any, arch: Sequence[int]) -> List[Any]:
    """One value for all levels, or one for the stem and each branch layer."""
    num_levels = arch[-1] + 1
    if not isinstance(value, (list, tuple)):
        return [value] * num_levels
    if len(value) != num_levels:
        raise ValueError(
            f'{name} must be one value or {num_levels} of them, one for the '
            f'stem and one for each of the {arch[-1]} branch layers of arch, '
            f'but got {list(value)}')
    return list(value)


def _repeat_last(x: Tensor, total: int) -> Tensor:
    """Lengthen (B, C, T) to (B, C, ``total``) by its last cell."""
    rows = x.transpose(1, 2)  # the order of their memory
    rest = total - rows.size(1)
    if rest == 0:
        return x
    last = rows[:, -1:].expand(-1, rest, -1)
    return torch.cat((rows, last), 1).transpose(1, 2)
