from typing import List, NamedTuple, Sequence, Tuple

import torch
from torch import Tensor

from dyfadet_mm.registry import TASK_UTILS
from dyfadet_mm.structures.pyramid import to_device


class Points(NamedTuple):
    """Points of one or several levels on the feature grid."""

    #: Positions in cells of the feature grid, (P,).
    position: Tensor
    #: Shortest and longest distance, in cells, that a point regresses, (P, 2).
    regression_range: Tensor
    #: Stride of the point's level in cells, (P,).
    stride: Tensor

    @classmethod
    def cat(cls, mlvl_points: Sequence['Points']) -> 'Points':
        """Join the points of several levels, finest first."""
        return cls(*(torch.cat(field) for field in zip(*mlvl_points)))


@TASK_UTILS.register_module()
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

    def __init__(self,
                 regression_ranges: Sequence[Tuple[float, float]],
                 offset: float = 0.) -> None:
        for pair in regression_ranges:
            if len(pair) != 2 or pair[0] > pair[1]:
                raise ValueError('regression_ranges must be pairs (shortest, '
                                 f'longest), but got {tuple(pair)}')
        self.regression_ranges = tuple(map(tuple, regression_ranges))
        self.offset = offset

    @property
    def num_levels(self) -> int:
        """int: Levels of the pyramid."""
        return len(self.regression_ranges)

    def __call__(self, lengths: Sequence[int],
                 device: torch.device) -> List[Points]:
        """Place the points of every level, of so many cells.

        Raises:
            ValueError: If there are not as many levels as ranges.
        """
        if len(lengths) != self.num_levels:
            raise ValueError(
                f'regression_ranges must have one pair for each of the '
                f'{len(lengths)} levels, but got {self.num_levels}')
        ranges = to_device(self.regression_ranges, device).float()
        mlvl_points = []
        for level, length in enumerate(lengths):
            stride = 2**level
            position = torch.arange(
                length, device=device, dtype=torch.float32) * stride
            if self.offset:
                position = position + self.offset
            mlvl_points.append(
                Points(position, ranges[level].expand(length, 2),
                       torch.full_like(position, stride)))
        return mlvl_points
