"""Features over time, and which of their cells belong to the videos.

``Cells`` describe one level of a batch, a ``Pyramid`` holds the features of
all levels, and ``PackedPyramid`` lays all of them out in one row of cells,
on which layers that share their weights between levels run once.
"""
import threading
from contextlib import contextmanager
from enum import Enum
from itertools import accumulate
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

# sequences come in few lengths, as backends prepare kernels for each anew
LENGTH_MULTIPLE = 32
# of every thread: tables that a graph reads, see keep_tables
_local = threading.local()


class Padding(Enum):
    """What the padding behind a video counts for."""

    #: Statistics cover it, and norms fill it; logits on it are zero.
    PUBLISHED = 'published'
    #: As in OpenTAD: zero behind the embedding, a coarser cell is valid if
    #: any of the three below it is, and logits on it are not zero.
    OPENTAD = 'opentad'
    #: As in OpenTAD's ActionFormer: zero behind the embedding and behind
    #: every layer of a tower, else as published.
    MASKED = 'masked'
    #: Nothing: a video gives the same outputs with any padding.
    IGNORED = 'ignored'


class Cells:
    """Which cells of one level are valid, for every video of a batch.

    Args:
        mask (Tensor): Valid cells, the first ones of each video, (B, 1, T)
            bool.
        padding (Padding): What the other cells count for. Defaults to as
            published.
        lengths (Sequence[int], optional): Valid cells of every video, which
            the host knows, so that nothing has to wait for the device.
            Defaults to None: any cell may be valid.
    """

    def __init__(self,
                 mask: Tensor,
                 padding: Padding = Padding.PUBLISHED,
                 lengths: Optional[Sequence[int]] = None) -> None:
        self.mask = mask
        self.padding = Padding(padding)
        self._lengths = lengths
        #: Cells of every video behind which none is valid and, where there
        #: is padding at all, at least one is padding. They take few values,
        #: and a graph that reads no lengths serves all videos with the same.
        self.extents = [mask.size(2)] * len(mask)
        if lengths is not None:
            self.extents = [
                min(round_length(length + 1), mask.size(2))
                for length in lengths
            ]
        self._is_full = lengths is None
        # cells of every video where none is cut off
        self._total = mask.size(2)
        # what these stand for, and how many of them each does
        self._finer: Optional[Cells] = None
        self._stride = 1
        self._halved: Optional[Cells] = None

    @property
    def lengths(self) -> List[int]:
        """list[int]: Valid cells of every video, or all of them."""
        if self._finer is not None:
            return [self._count(num) for num in self._finer.lengths]
        if self._lengths is None:
            return [self.mask.size(2)] * len(self.mask)
        return list(self._lengths)

    @classmethod
    def of(cls,
           lengths: Sequence[int],
           total: int,
           device: torch.device,
           padding: Padding = Padding.PUBLISHED) -> 'Cells':
        """The cells of a batch of videos.

        Args:
            lengths (Sequence[int]): Valid cells of every video.
            total (int): T, cells with padding.
            device (torch.device): Of the mask.
            padding (Padding): Defaults to as published.

        Returns:
            Cells: The first cells of every video are valid.
        """
        ends = to_device(lengths, device)
        steps = torch.arange(total, device=device)
        return cls((steps < ends[:, None])[:, None], padding, lengths)

    @classmethod
    def of_batch(cls, inputs: Tensor, data_samples: Optional[Sequence],
                 padding: Padding) -> 'Cells':
        """The cells of a batch (B, C, T, ...) of videos.

        The first ``feat_len`` of a sample's metainfo are valid. Without it, or
        without samples, all are.
        """
        total = inputs.size(2)
        lengths = [x.get('feat_len', total) for x in data_samples or ()]
        return cls.of(lengths or [total] * len(inputs), total, inputs.device,
                      padding)

    @property
    def halved(self) -> 'Cells':
        """Cells: Of the next level, ceil(T / 2) for every video."""
        if self._halved is None:
            mask = self.mask[..., ::2]
            if self.padding is Padding.OPENTAD:
                mask = F.max_pool1d(self.mask.float(), 3, 2, 1).bool()
            self._halved = self._part(mask, 2)
        return self._halved

    def at(self, stride: int) -> 'Cells':
        """The cells behind a layer with a stride."""
        if stride == 1:
            return self
        if stride == 2:
            return self.halved
        return self._part(self.mask[..., ::stride], stride)

    def cut(self, total: int) -> 'Cells':
        """The first ``total`` cells of every video, or all."""
        if total >= self.mask.size(2):
            return self
        return self._part(self.mask[..., :total])

    def _part(self, mask: Tensor, stride: int = 1) -> 'Cells':
        """Some of these cells, or cells that stand for them."""
        part = Cells(mask, self.padding)
        part._finer, part._stride = self, stride
        part._is_full = self._is_full
        part._total = -(-self._total // stride)
        if not self._is_full:
            part.extents = [part._count(num) for num in self.extents]
        return part

    def _count(self, num: int) -> int:
        """Valid cells, of ``num`` valid ones that these stand for."""
        if self._stride == 2 and self.padding is Padding.OPENTAD and num:
            num = num // 2 + 1
        else:
            num = -(-num // self._stride)
        return min(num, self.mask.size(2))

    @property
    def counted(self) -> Optional[Tensor]:
        """Tensor: Cells that count for something, None for all, (B, 1, T)."""
        return self.mask if self.padding is Padding.IGNORED else None

    @property
    def repeats(self) -> Optional[Tensor]:
        """Tensor: How often statistics count a cell, None for once, (B, 1, T).

        The last one counts for those that were cut off behind it as well.
        """
        rest = self._total - self.mask.size(2)
        if self.padding is Padding.IGNORED or rest == 0:
            return self.counted
        return F.pad(
            torch.ones_like(self.mask[..., 1:], dtype=torch.float), (0, 1),
            value=1 + rest)

    def clean(self, x: Tensor) -> Tensor:
        """Zero the padding of (B, C, T) where it counts for nothing."""
        return x * self.mask if self.padding is Padding.IGNORED else x


class Pyramid(NamedTuple):
    """Features of all levels, finest first."""

    #: Features of every level, (B, C, T_l), T_l+1 = ceil(T_l / 2).
    feats: Tuple[Tensor, ...]
    #: Their cells.
    cells: Tuple[Cells, ...]

    @classmethod
    def of(cls, feats: Sequence[Tensor], finest: Cells) -> 'Pyramid':
        """A pyramid, by the cells of its finest level."""
        cells = [finest]
        while len(cells) < len(feats):
            cells.append(cells[-1].halved)
        return cls(tuple(feats), tuple(cells))

    @property
    def masks(self) -> Tuple[Tensor, ...]:
        """tuple[Tensor]: Valid cells of every level, (B, 1, T_l)."""
        return tuple(cells.mask for cells in self.cells)


class PackedCells(Cells):
    """The N cells of a packed pyramid, or those of some of its levels.

    Args:
        mask (Tensor): Valid cells, (1, 1, N) bool.
        inside (Tensor): Cells of the grids; all others are zero between
            layers, (1, 1, N) bool.
        ends (Tensor): The first and the last cells of every grid, outermost
            first, as many as a kernel may reach over an end, or one,
            (2, S, P). Where a grid has fewer, they go on in the gap beside
            it.
    """

    def __init__(self, mask: Tensor, inside: Tensor, ends: Tensor) -> None:
        super().__init__(mask)
        self.inside = inside
        self.ends = ends

    def clean(self, x: Tensor) -> Tensor:
        """Zero the gaps of (1, C, N), and padding that counts for nothing."""
        return x * self.inside


class PackedPyramid(PackedCells):
    """All cells of a pyramid in one row, (1, C, N).

    The order is level, video, time. A grid, one video on one level, keeps
    the ``reach`` padded cells behind its valid ones, which outputs at valid
    cells may read, and is followed by a gap of at least as many zero cells,
    which stand for the zeros around a padded convolution. From one level to
    the next, the places of a video halve with its cells: cell 2t of a level
    lies at an even place, and these places in order are the next level.

    Args:
        levels (Sequence[Cells]): Of every level, finest first.
        reach (int): How far an output may look, K - 1 for a DFA layer.
    """

    def __init__(self, levels: Sequence[Cells], reach: int) -> None:
        padding, coarsest = levels[0].padding, len(levels) - 1
        self._reach = reach
        kept = 0 if padding is Padding.IGNORED else reach
        self._totals = [cells.mask.size(2) for cells in levels]
        # logits on padding are asked for
        self.keeps_all = padding is Padding.OPENTAD
        # layers of a tower zero their padding
        self.masks_layers = padding is Padding.MASKED
        #: Cells kept of every video, for each level.
        self._kept = [[
            total if self.keeps_all or extent == total else min(
                extent + kept, total) for extent in cells.extents
        ] for cells, total in zip(levels, self._totals)]
        # the coarsest grids are packed, which leaves room on finer levels
        self._places = [[(cells + reach) * 2**(coarsest - level)
                         for cells in self._kept[-1]]
                        for level in range(len(levels))]
        sizes = [sum(places) for places in self._places]
        self._parts: Dict[Tuple[int, int], PackedCells] = {}
        #: First place of every level, then N.
        self.starts = [0, *accumulate(sizes)]
        mask = self.pack([cells.mask for cells in levels])
        inside = mask
        if padding is not Padding.IGNORED:
            full = mask.new_ones(1, 1, 1)
            inside = self.pack([full.expand_as(x.mask) for x in levels])
        super().__init__(mask, inside, self._ends(levels, max(reach // 2, 1)))

    @property
    def num_levels(self) -> int:
        """int: Levels of the pyramid."""
        return len(self._totals)

    def _ends(self, levels: Sequence[Cells], num: int) -> Tensor:
        """``num`` cells at both ends of every grid, (2, S, num)."""
        places = [each for level in self._places for each in level]
        first = [0, *accumulate(places)][:-1]
        # the end of a grid that was cut is out of reach of valid cells
        kept = [each for level in self._kept for each in level]
        device = levels[0].mask.device
        steps = torch.arange(num, device=device)
        first = to_device(first, device)[:, None] + steps
        sizes = to_device(kept, device)
        if levels[0].padding is Padding.IGNORED:  # the grid ends with it
            sizes = torch.cat([cells.mask.sum((1, 2)) for cells in levels])
        last = first - 2 * steps + (sizes.clamp(min=1) - 1)[:, None]
        # the last place is in a gap
        places = torch.stack((first, last))
        return torch.where(places < 0, places + self.starts[-1], places)

    def part(self, first_level: int, last_level: int) -> PackedCells:
        """The cells of some levels, for ``x[..., self.span(...)]``."""
        key = first_level, last_level
        if key not in self._parts:
            span, videos = self.span(*key), len(self._places[0])
            grids = slice(first_level * videos, (last_level + 1) * videos)
            # what leaves the part goes to its last place, in a gap
            ends = self.ends[:, grids] - span.start
            self._parts[key] = PackedCells(self.mask[..., span],
                                           self.inside[..., span],
                                           ends % (span.stop - span.start))
        return self._parts[key]

    def span(self, first_level: int, last_level: int) -> slice:
        """The places of some levels."""
        return slice(self.starts[first_level], self.starts[last_level + 1])

    def pack(self, feats: Sequence[Tensor]) -> Tensor:
        """Lay features of every level, (B, C, T_l), out as (1, C, N)."""
        blank = feats[0].new_zeros(1, feats[0].size(1))
        rows: List[Tensor] = []
        for x, kept, places in zip(feats, self._kept, self._places):
            for video, num, size in zip(x.unbind(), kept, places):
                rows += video.t()[:num], blank.expand(size - num, -1)
        # in this order, by whose strides convolutions know a video of rows
        return torch.cat(rows)[None].transpose(1, 2)

    def unpack(self, x: Tensor) -> Tuple[Tensor, ...]:
        """Features (B, C, T_l) of (1, C, N); what was cut off is zero."""
        sizes = [
            size for kept, places in zip(self._kept, self._places)
            for num, place in zip(kept, places) for size in (num, place - num)
        ]
        grids = iter(x.split(sizes, 2)[::2])
        levels = []
        for kept, total in zip(self._kept, self._totals):
            videos = [
                F.pad(next(grids),
                      (0, total - num)) if num < total else next(grids)
                for num in kept
            ]
            levels.append(torch.cat(videos))
        return tuple(levels)

    def add_neighbours(self, x: Tensor, finer: Tensor, coarser: Tensor,
                       factor: Tensor) -> Tensor:
        """Add to every cell what the neighbouring levels give it.

        Args:
            x (Tensor): Features, (1, C, N).
            finer (Tensor): Of all levels but the coarsest, at their even
                cells; cell t receives cell 2t of the level below.
            coarser (Tensor): Of all levels but the finest; cell t receives
                cell t // 2 of the level above.
            factor (Tensor): Of both, scalar.

        Returns:
            Tensor: Sums, (1, C, N).
        """

        def add_pairs(cells: Tensor, above: Tensor) -> Tensor:
            return (cells.unflatten(1, (-1, 2)) + above[:, :, None]).flatten(
                1, 2)

        # in rows, (1, N, C), the order of their memory
        x, finer, coarser = (
            each.transpose(1, 2)
            for each in (x, factor * finer, factor * coarser))
        # the finest level, those between, the coarsest
        first, last = self.starts[1], self.starts[-2]
        sizes = [first, last - first, x.size(1) - last]
        finest, middle, coarsest = x.split(sizes, 1)
        finer = finer.split(sizes[1:], 1)
        coarser = coarser.split([size // 2 for size in sizes[:2]], 1)
        x = torch.cat(
            (add_pairs(finest, coarser[0]),
             add_pairs(middle + finer[0], coarser[1]), coarsest + finer[1]), 1)
        if self._reach > 0:  # cell 2t + 1 may be outside the grid
            x.index_fill_(1, self.ends[1, :, 0] + 1, 0)
        return x.transpose(1, 2)


def to_device(numbers: Sequence, device: torch.device) -> Tensor:
    """A tensor of numbers of the host, for which the host does not wait."""
    # numbers may be symbols
    if getattr(torch.compiler, 'is_compiling', bool)():  # torch >= 2.3
        return torch.tensor(numbers, device=device)
    array, kept = np.array(numbers), getattr(_local, 'kept', None)
    if kept is None:
        return torch.from_numpy(array).to(device, non_blocking=True)
    key = array.tobytes(), array.dtype, array.shape, torch.device(device)
    if key not in kept:
        kept[key] = torch.from_numpy(array).to(device)
    return kept[key]


@contextmanager
def keep_tables(kept: dict) -> Iterator[None]:
    """Copy the same numbers of the host to a device only once.

    A CUDA graph can hold no such copy: what it reads has to be there.

    Args:
        kept (dict): Holds the tensors that :func:`to_device` has made; changed
            in place.
    """
    before, _local.kept = getattr(_local, 'kept', None), kept
    try:
        yield
    finally:
        _local.kept = before


def round_length(length: int) -> int:
    """Round up to a multiple of :data:`LENGTH_MULTIPLE`."""
    return -(-length // LENGTH_MULTIPLE) * LENGTH_MULTIPLE


def pad_cells(inputs: Tensor, total: int) -> Tensor:
    """Pad what a detector reads of one video.

    Args:
        inputs (Tensor): Features (C, T), or frames (3, T, k, H, W).
        total (int): Cells of the result.

    Returns:
        Tensor: Features are zero on padding; the last frame is repeated.
    """
    missing = total - inputs.size(1)
    if inputs.ndim == 2 or not missing:
        return F.pad(inputs, (0, missing)) if missing else inputs
    last = inputs[:, -1:, -1:]  # (3, 1, 1, H, W)
    return torch.cat(
        (inputs, last.expand(-1, missing, inputs.size(2), -1, -1)), 1)
