import math
from dataclasses import dataclass
from typing import NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from dyfadet_mm.registry import TASK_UTILS
from dyfadet_mm.structures.pyramid import to_device

__all__ = [
    'Assignment', 'PointGenerator', 'PointSegmentAssigner', 'Points',
    'SegmentCoder'
]


class Points(NamedTuple):
    """Points of one or several levels on the feature grid, finest first."""

    #: Positions in cells of the feature grid, (P,).
    position: Tensor
    #: Shortest and longest distance, in cells, that a point regresses, (P, 2).
    regression_range: Tensor
    #: Stride of the point's level in cells, (P,).
    stride: Tensor


@TASK_UTILS.register_module()
@dataclass(eq=False)
class PointGenerator:
    """One point per cell of every level: 0, 2^l, 2 * 2^l, ... on level l.

    Args:
        regression_ranges (Sequence[tuple[float, float]]): For each level,
            the shortest and the longest distance from a point to the farther
            end of its action, in cells of the feature grid, ends included.
        offset (float): Added to all positions, in cells of the feature grid.
            Defaults to 0, the centres of the cells.

    Raises:
        ValueError: If a range is not (shortest, longest).
    """

    regression_ranges: Sequence[Tuple[float, float]]
    offset: float = 0.

    def __post_init__(self) -> None:
        self.regression_ranges = tuple(map(tuple, self.regression_ranges))
        for pair in self.regression_ranges:
            if len(pair) != 2 or pair[0] > pair[1]:
                raise ValueError('regression_ranges must be pairs (shortest, '
                                 f'longest), but got {pair}')
        #: Levels of the pyramid.
        self.num_levels = len(self.regression_ranges)

    def __call__(self, lengths: Sequence[int], device: torch.device) -> Points:
        """Place the points of all levels, of so many cells each.

        Raises:
            ValueError: If there are not as many levels as ranges.
        """
        if len(lengths) != self.num_levels:
            raise ValueError(
                f'regression_ranges must have one pair for each of the '
                f'{len(lengths)} levels, but got {self.num_levels}')
        ranges = to_device(self.regression_ranges, device).float()
        levels = []
        for level, length in enumerate(lengths):
            stride = 2**level
            position = torch.arange(
                length, device=device, dtype=torch.float32) * stride
            if self.offset:
                position = position + self.offset
            levels.append((position, ranges[level].expand(length, 2),
                           torch.full_like(position, stride)))
        return Points(*map(torch.cat, zip(*levels)))


class Assignment(NamedTuple):
    """What every point has to predict."""

    #: Multi-hot classes, all zero for a negative point, (P, A).
    labels: Tensor
    #: The action each point regresses, (P, 2); of no meaning for negatives.
    segments: Tensor


@TASK_UTILS.register_module()
@dataclass(eq=False)
class PointSegmentAssigner:
    """Give every point the shortest action that it may detect.

    A point may detect an action when it lies strictly inside the action and
    strictly within ``center_radius`` strides of its centre, and when the
    distance to the farther end is in the regression range of the level. All
    that are as short, up to ``length_tolerance``, give it their class.

    Args:
        center_radius (float, optional): Radius around the centre in strides
            of the point's level; None: the whole action. Defaults to 1.5.
        length_tolerance (float): In cells of the grid. Defaults to 1e-3.
    """

    center_radius: Optional[float] = 1.5
    length_tolerance: float = 1e-3

    def assign(self, points: Points, segments: Tensor, labels: Tensor,
               num_classes: int) -> Assignment:
        """Assign the actions of one video to the points of all levels.

        Actions are on the feature grid, (N, 2), and their classes (N,).
        """
        position = points.position[:, None]  # (P, 1)
        if segments.size(0) == 0:
            return Assignment(
                position.new_zeros(position.size(0), num_classes),
                position.new_zeros(position.size(0), 2))

        lengths = (segments[:, 1] - segments[:, 0]).expand(
            position.size(0), -1)  # (P, N)
        candidate = self._candidates(points, segments)
        lengths = lengths.masked_fill(~candidate, math.inf)
        shortest, index = lengths.min(1)  # (P,)
        same = lengths <= shortest[:, None] + self.length_tolerance
        # F.one_hot would wait for the device to check the labels
        one_hot = position.new_zeros(len(labels), num_classes)  # (N, A)
        one_hot.scatter_(1, labels[:, None], 1)
        multi_hot = (same & candidate).to(position) @ one_hot  # (P, A)
        # counts, whatever mixed precision multiplies in
        multi_hot = multi_hot.to(position).clamp(max=1)
        return Assignment(multi_hot, segments[index])

    def _candidates(self, points: Points, segments: Tensor) -> Tensor:
        """Which actions each point may detect, (P, N) bool."""
        position = points.position[:, None]
        start, end = segments.unbind(1)  # (N,)
        farther = torch.maximum(position - start, end - position)
        shortest, longest = points.regression_range[:, None].unbind(2)
        in_range = (farther >= shortest) & (farther <= longest)

        if self.center_radius is not None:
            center = 0.5 * (start + end)
            reach = self.center_radius * points.stride[:, None]
            start = torch.maximum(start, center - reach)  # (P, N)
            end = torch.minimum(end, center + reach)
        return in_range & (position > start) & (position < end)


@TASK_UTILS.register_module()
class SegmentCoder:
    """Segments as distances from a point, in strides of the point's level.

    ``decode(points, encode(points, segments)) == segments``.
    """

    def encode(self, points: Points, segments: Tensor) -> Tensor:
        """Offsets (left, right) of segments on the feature grid, (P, 2)."""
        left = points.position - segments[:, 0]
        right = segments[:, 1] - points.position
        return torch.stack((left, right), 1) / points.stride[:, None]

    def decode(self, points: Points, offsets: Tensor) -> Tensor:
        """Segments on the feature grid, (P, 2), of offsets (left, right).

        Both are (P, A, 2) with A segments at each point.
        """
        shape = (-1, ) + (1, ) * (offsets.dim() - 2)
        position, stride = (
            x.view(shape) for x in (points.position, points.stride))
        left, right = offsets.unbind(-1)
        return torch.stack(
            (position - left * stride, position + right * stride), -1)
