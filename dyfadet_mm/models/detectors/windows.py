"""Parts of a batch that the detector computes one by one in testing.

A part is a whole video, or one of the overlapping windows of a long one.
"""
from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from dyfadet_mm.structures import pad_cells

#: Segments, (T_l, 2) or for every class (T_l, A, 2), and scores (T_l, A) of
#: every level.
Levels = Sequence[Tuple[Tensor, Tensor]]


class Window(NamedTuple):
    """Cells of one video that are computed together."""

    #: Index of the video in its batch.
    video: int
    #: First cell.
    start: int
    #: Cells.
    length: int
    #: Cells with the padding of a video of this length.
    padded_len: int
    #: First cell, counted from ``start``, whose output is taken from here.
    first: int = 0
    #: Cell after the last one, or None for all the rest.
    last: Optional[int] = None

    @property
    def is_whole(self) -> bool:
        """bool: Whether this is a whole video."""
        return self.start == 0 and self.last is None

    def cut(self, inputs: Tensor, total: int) -> Tensor:
        """Cut this part out of a batch.

        Args:
            inputs (Tensor): Features of the batch, (B, C, T), or frames
                (B, 3, T, k, H, W).
            total (int): Cells of the result.

        Returns:
            Tensor: Those of this part with padding, (C, ``total``, ...).
        """
        if self.is_whole and total == inputs.size(2):  # needs no copy
            return inputs[self.video]
        cells = inputs[self.video, :, self.start:self.start + self.length]
        return pad_cells(cells, total)


class SlidingWindows:
    """Cut long videos into windows, and put together what was found in them.

    Windows start on a cell of the coarsest level, so that their points are
    those of the whole video, and the last one ends with the video. Where two
    overlap, each is believed on its side of the middle of the overlap, where
    it has seen more on both sides: every point counts once.

    Args:
        size (int): Cells of a window, and of the longest video that is not
            cut.
        overlap (float): Least share of a window that the next one shows
            again, in [0, 1). Defaults to 0.5.
        stride (int): Cells of the feature grid per cell of the coarsest
            level. Defaults to 1.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self,
                 size: int,
                 overlap: float = 0.5,
                 stride: int = 1) -> None:
        if size < stride:
            raise ValueError('size of window must be at least the stride of '
                             f'the coarsest level, {stride}, but got {size}')
        if not 0 <= overlap < 1:
            raise ValueError('overlap of window must be in [0, 1), but got '
                             f'{overlap}')
        self.size = size
        self.stride = stride
        step = int(size * (1 - overlap)) // stride * stride
        self.step = max(step, stride)

    def starts(self, length: int) -> List[int]:
        """First cells of the windows of a video, multiples of ``stride``."""
        if length <= self.size:
            return [0]
        # rounded up: the last window may be a little shorter
        last = -(-(length - self.size) // self.stride) * self.stride
        return [*range(0, last, self.step), last]

    def seam(self, start: int, end: int) -> int:
        """Middle of an overlap, to the nearest cell of the coarsest level.

        Args:
            start (int): First cell of a window.
            end (int): Cell after the last one of the window before it.

        Returns:
            int: First cell that the later window is believed on.
        """
        return (start + end + self.stride) // (2 * self.stride) * self.stride

    def spans(self, length: int) -> List[Tuple[int, int, int, Optional[int]]]:
        """``start``, ``length``, ``first``, ``last`` of a video's windows."""
        starts = self.starts(length)
        ends = [min(start + self.size, length) for start in starts]
        seams = list(map(self.seam, starts[1:], ends))
        firsts = [0] + [x - start for x, start in zip(seams, starts[1:])]
        lasts = [x - start for x, start in zip(seams, starts)] + [None]
        lengths = [end - start for start, end in zip(starts, ends)]
        return list(zip(starts, lengths, firsts, lasts))


def merge_windows(windows: Sequence[Window],
                  proposals: Sequence[Levels]) -> Levels:
    """Put the windows of a video together.

    Args:
        windows (Sequence[Window]): All of one video, in order.
        proposals (Sequence): For each window and each level, segments on the
            grid of the window, (T_l, 2) or (T_l, A, 2), and scores (T_l, A).
            Level l has strides of 2^l cells.

    Returns:
        Sequence[tuple[Tensor, Tensor]]: For each level, segments on the grid
        of the video and scores, every point once.
    """
    if len(windows) == 1:
        return proposals[0]
    parts = [
        own_points(levels, window.first, window.last)
        for window, levels in zip(windows, proposals)
    ]
    merged = []
    for level in zip(*parts):
        segments = [
            segment + window.start
            for window, (segment, _) in zip(windows, level)
        ]
        scores = [score for _, score in level]
        merged.append((torch.cat(segments), torch.cat(scores)))
    return merged


def own_points(levels: Levels, first: int, last: Optional[int]) -> Levels:
    """Points that are taken from a window.

    Args:
        levels (Sequence[tuple[Tensor, Tensor]]): Segments and scores of all
            of its points. Level l has strides of 2^l cells.
        first (int): First cell that is taken, counted from its start.
        last (int, optional): Cell after the last one, or None for all the
            rest.

    Returns:
        list[tuple[Tensor, Tensor]]: Those of these cells.
    """
    found = []
    for level, (segments, scores) in enumerate(levels):
        own = slice(first >> level, None if last is None else last >> level)
        found.append((segments[own], scores[own]))
    return found
