from abc import abstractmethod
from typing import Iterable, Tuple, Union

import numpy as np
import torch
from mmengine.model import BaseModule
from torch import Tensor

from dyfadet_mm.utils.typing import TensorTuple

ALL_ROWS = slice(None)
# sequences come in few lengths, as backends prepare kernels for each anew
LENGTH_MULTIPLE = 32


class PackedCells:
    """Cells of all levels and videos as the rows of one matrix.

    Layers that share their weights between levels then run once instead of
    once per level, and the padded tail of a video is left out. A grid keeps
    its valid cells and the ``reach`` padded ones behind them, which outputs
    at valid cells may read; ``reach`` zero rows, a gap, surround every grid,
    as zeros surround it in a padded convolution. The order is level, video,
    time, and every grid starts at an even row, so that the even cells of all
    grids are the even rows.

    Args:
        masks (tuple[Tensor]): Valid cells of every level, (B, 1, T_l).
        reach (int): How far an output may look, K - 1 for a DFA layer.
        ignore_padding (bool): Let every grid end with its last valid cell.
            Defaults to False.
    """

    @torch.compiler.disable  # the layout is made of numbers, not of tensors
    def __init__(self,
                 masks: TensorTuple,
                 reach: int,
                 ignore_padding: bool = False) -> None:
        device = masks[0].device
        num_videos, totals = len(masks[0]), [mask.size(2) for mask in masks]
        self._shapes = [(num_videos, total) for total in totals]
        ends = torch.stack([last_valid(mask) for mask in masks])  # (L, B)
        ends = ends.cpu().numpy()
        kept = ends.clip(1) + (0 if ignore_padding else reach)
        # of the S = L * B grids
        rows = np.minimum(kept, np.array(totals)[:, None]).ravel()
        first, self.num_rows = _lay_out(rows, reach)
        #: First row of the second level.
        self.second_level = int(first[num_videos]) if len(masks) > 1 else 0

        grid = np.repeat(np.arange(len(rows)), rows)
        cell = np.arange(rows.sum()) - np.repeat(rows.cumsum() - rows, rows)
        row = first[grid] + cell
        origin = np.cumsum([0] + [num_videos * total for total in totals])
        source = np.concatenate([
            origin[level] + np.arange(num_videos) * total
            for level, total in enumerate(totals)
        ])[grid] + cell
        num_sources = origin[-1]

        def table(shape: Tuple[int, ...], at: tuple, value: np.ndarray,
                  none: int) -> Tensor:
            out = np.full(shape, none)
            out[at] = value
            return torch.from_numpy(out).to(device)

        self._source = table((self.num_rows, ), row, source, num_sources)
        self._row = table((num_sources, 1), (source, 0), row, self.num_rows)

        # cell t of level l + 1 reads cell 2t of level l, an even row
        finer = grid - num_videos
        known = (finer >= 0) & (2 * cell < rows[finer])
        down = first[finer[known]] // 2 + cell[known]
        half = self.num_rows // 2
        self._down = (table((self.num_rows, ), row[known], down, half),
                      table((half, 1), (down, 0), row[known], self.num_rows))
        # cell t of level l reads cell t // 2 of level l + 1
        coarser = grid + num_videos
        known = coarser < len(rows)
        known[known] = cell[known] // 2 < rows[coarser[known]]
        up = first[coarser[known]] + cell[known] // 2 - self.second_level
        rest = self.num_rows - self.second_level
        self._up = (table((self.num_rows, ), row[known], up, rest),
                    table((rest, 2), (up, cell[known] % 2), row[known],
                          self.num_rows))

        self._ends = torch.from_numpy(np.stack(
            (first, first + rows - 1))).to(device)  # (2, S)
        #: Rows that are cells of a grid and not gap, (N, 1) bool.
        self.inside = (self._source < num_sources)[:, None]
        #: Rows that are valid cells, (N, 1) bool.
        self.valid = self.pack(masks).bool()

    @property
    def is_pyramid(self) -> bool:
        """Whether there is more than one level."""
        return self.second_level > 0

    def pack(self, feats: TensorTuple) -> Tensor:
        """Gather features of every level, (B, C, T_l), as rows (N, C)."""
        flat = torch.cat([x.transpose(1, 2).flatten(0, 1) for x in feats])
        return take_rows(flat, self._source, self._row)

    def unpack(self, x: Tensor) -> Tuple[Tensor, ...]:
        """Spread rows (N, C) as features (B, C, T_l); the rest is zero."""
        flat = take_rows(x, self._row[:, 0], self._source[:, None])
        parts = flat.split([videos * total for videos, total in self._shapes])
        return tuple(
            part.unflatten(0, shape).transpose(1, 2)
            for part, shape in zip(parts, self._shapes))

    def from_finer(self, even: Tensor) -> Tensor:
        """Rows of the level below: (N / 2, C) at even rows to (N, C)."""
        return take_rows(even, *self._down)

    def from_coarser(self, upper: Tensor) -> Tensor:
        """Rows of the level above, each twice: (N - N_0, C) to (N, C)."""
        return take_rows(upper, *self._up)

    def end_rows(self, num: int) -> Tensor:
        """The ``num`` first and last rows of every grid, outermost first.

        Args:
            num (int): Rows at each end.

        Returns:
            Tensor: Indices, (2, S, num): first rows, last rows.
        """
        steps = torch.arange(num, device=self._ends.device)
        return torch.stack(
            (self._ends[0, :, None] + steps, self._ends[1, :, None] - steps))


def last_valid(mask: Tensor) -> Tensor:
    """Number of cells up to the last valid one.

    Args:
        mask (Tensor): Valid cells, (B, 1, T).

    Returns:
        Tensor: 0 for a video without valid cells, (B, ).
    """
    count = torch.arange(1, mask.size(2) + 1, device=mask.device)
    return ((mask[:, 0] != 0) * count).amax(1)


def round_length(length: int) -> int:
    """Round up to a multiple of :data:`LENGTH_MULTIPLE`."""
    return -(-length // LENGTH_MULTIPLE) * LENGTH_MULTIPLE


def _lay_out(rows: np.ndarray, gap: int) -> Tuple[np.ndarray, int]:
    """First row of every grid, which is even, and the number of all rows."""
    with_gap = rows + gap
    ends = np.cumsum(with_gap + with_gap % 2) + gap + gap % 2
    first = np.concatenate(([gap + gap % 2], ends[:-1]))
    return first, round_length(int(ends[-1]))


class _TakeRows(torch.autograd.Function):
    """Gather in both directions, where autograd would scatter backwards."""

    @staticmethod
    def forward(ctx, x: Tensor, index: Tensor, uses: Tensor) -> Tensor:
        ctx.save_for_backward(uses)
        return _take(x, index)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: Tensor) -> Tuple[Tensor, None, None]:
        uses, = ctx.saved_tensors
        return sum(_take(grad, use) for use in uses.unbind(1)), None, None


def _take(x: Tensor, index: Tensor) -> Tensor:
    return torch.cat((x, x.new_zeros(1, x.size(1)))).index_select(0, index)


def take_rows(x: Tensor, index: Tensor, uses: Tensor) -> Tensor:
    """Gather rows, with a row of zeros behind the last one.

    Args:
        x (Tensor): Rows, (M, C).
        index (Tensor): Row of ``x`` for every output, M for zeros, (N, ).
        uses (Tensor): The outputs that each row of ``x`` goes to, N for none,
            (M, R).

    Returns:
        Tensor: Rows, (N, C).
    """
    return _TakeRows.apply(x, index, uses)


class _TapRows(torch.autograd.Function):
    """Views of one tensor, whose gradients are added up in one buffer."""

    @staticmethod
    def forward(ctx, x: Tensor, num_taps: int,
                rows: slice) -> Tuple[Tensor, ...]:
        ctx.rows, ctx.like = rows, x.new_empty(()).expand(x.shape)
        margin = x.new_zeros(num_taps // 2, x.size(1))
        padded = torch.cat((margin, x, margin))  # faster than F.pad
        return tuple(padded[s:s + len(x)][rows] for s in range(num_taps))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, *grads: Tensor) -> Tuple[Tensor, None, None]:
        return add_taps(grads, ctx.like, len(grads), ctx.rows), None, None


def add_taps(parts: Iterable[Tensor], like: Tensor, num_taps: int,
             rows: slice) -> Tensor:
    """Add up what belongs to the taps of :func:`tap_rows`, its adjoint.

    Args:
        parts (iterable[Tensor]): K times (M, C).
        like (Tensor): Of the result's shape, dtype and device, (N, C).
        num_taps (int): K.
        rows (slice): The M rows.

    Returns:
        Tensor: Sums, (N, C).
    """
    length, pad = len(like), num_taps // 2
    total = like.new_zeros(length + 2 * pad, like.size(1))
    for s, part in enumerate(parts):
        total[s:s + length][rows] += part
    return total[pad:pad + length]


def tap_rows(x: Tensor,
             num_taps: int,
             rows: slice = ALL_ROWS) -> Tuple[Tensor, ...]:
    """Views of the rows that each tap of a kernel reads.

    Args:
        x (Tensor): Rows, (N, C).
        num_taps (int): K, odd.
        rows (slice): The M rows for which an output is wanted. Defaults to
            all.

    Returns:
        tuple[Tensor]: K times (M, C); entry s of output row r is row
        ``r + s - K // 2`` of ``x``, zero outside.
    """
    return _TapRows.apply(x, num_taps, rows)


class PackedModule(BaseModule):
    """Layer that works on packed cells; called, it takes feature grids.

    Subclasses have a ``kernel_size`` K and look at most K - 1 cells far
    beyond what is masked.
    """

    kernel_size: int

    @abstractmethod
    def forward_rows(self, x: Tensor, cells: PackedCells) -> Tensor:
        """Run the layer on packed cells.

        Args:
            x (Tensor): Features, zero in the gaps, (N, C_in).
            cells (PackedCells): What the rows are.

        Returns:
            Tensor: Features, zero in the gaps, (N, C_out).
        """

    def forward(
            self, feats: Union[Tensor, TensorTuple],
            masks: Union[Tensor, TensorTuple]) -> Union[Tensor, TensorTuple]:
        """Run the layer on one level or on all levels of a pyramid.

        Args:
            feats (Tensor | tuple[Tensor]): Features, (B, C_in, T_l),
                T_l+1 = ceil(T_l / 2).
            masks (Tensor | tuple[Tensor]): Valid cells, (B, 1, T_l).

        Returns:
            Tensor | tuple[Tensor]: Features, (B, C_out, T_l), of no meaning
            on padding.
        """
        if isinstance(feats, Tensor):
            return self((feats, ), (masks, ))[0]
        cells = PackedCells(masks, self.kernel_size - 1)
        return cells.unpack(self.forward_rows(cells.pack(feats), cells))
