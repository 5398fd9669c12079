"""Videos in testing: as a whole, or in overlapping windows of long ones."""
from typing import Callable, List, NamedTuple, Optional, Sequence

import torch
from torch import Tensor

from dyfadet_mm.structures import pad_cells
from dyfadet_mm.utils.checks import check_share
from dyfadet_mm.utils.typing import Levels


class Window(NamedTuple):
    """Cells of one video that are computed together."""

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

    def cut(self, video: Tensor, total: int) -> Tensor:
        """Cut (C, ``total``, ...) out of a video (C, T, ...), and pad."""
        is_whole = self.start == 0 and self.last is None
        if is_whole and total == video.size(1):  # needs no copy
            return video
        return pad_cells(video[:, self.start:self.start + self.length], total)

    def own(self, x: Tensor) -> Tensor:
        """The cells of (C, T_w) that are taken from here, without padding."""
        return x[:, :self.length][:, self.first:self.last]


class SlidingWindows:
    """Cut long videos into windows, and put together what was found in them.

    Windows start on a cell of the coarsest level, so that their points are
    those of the whole video, and the last one ends with the video. Where two
    overlap, each is believed on its side of the middle of the overlap, where
    it has seen more on both sides: every point counts once.

    Args:
        size (int): Cells of a window, and of the longest video that is not
            cut.
        overlap (float): Least share with the next, in [0, 1). Defaults to 0.5.
        stride (int): Cells per cell of the coarsest level. Defaults to 1.

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
        check_share('overlap of window', overlap, below_one=True)
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
        """First cell that the later of two windows is believed on.

        It is the middle of their overlap, from the ``start`` of the later to
        the ``end`` of the other, on a cell of the coarsest level.
        """
        return (start + end + self.stride) // (2 * self.stride) * self.stride

    def split(self, length: int, padded_len: Callable[[int],
                                                      int]) -> List[Window]:
        """The windows of a video, of whose lengths the padded ones follow."""
        starts = self.starts(length)
        ends = [min(start + self.size, length) for start in starts]
        seams = [0, *map(self.seam, starts[1:], ends), None]
        return [
            Window(start, end - start, padded_len(end - start), first - start,
                   None if last is None else last - start)
            for start, end, first, last in zip(starts, ends, seams, seams[1:])
        ]


def merge_windows(windows: Sequence[Window],
                  proposals: Sequence[Levels]) -> Levels:
    """Put what was found in the windows of a video, in order, together.

    Segments come on the grids of the windows and leave on that of the video.
    """
    if len(windows) == 1:
        return proposals[0]
    parts = [[
        (segments + window.start, scores)
        for segments, scores in own_points(levels, window.first, window.last)
    ] for window, levels in zip(windows, proposals)]
    return [tuple(map(torch.cat, zip(*level))) for level in zip(*parts)]


def own_points(levels: Levels, first: int, last: Optional[int]) -> Levels:
    """Segments and scores at the points of the cells from first to last.

    Cells are counted from the start of the window, without the last one; None
    stands for all the rest. Level l has strides of 2^l cells.
    """
    found = []
    for level, (segments, scores) in enumerate(levels):
        own = slice(first >> level, None if last is None else last >> level)
        found.append((segments[own], scores[own]))
    return found
