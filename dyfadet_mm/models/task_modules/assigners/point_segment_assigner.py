import math
from typing import NamedTuple, Optional

import torch
from torch import Tensor

from dyfadet_mm.registry import TASK_UTILS
from ..prior_generators import Points


class Assignment(NamedTuple):
    """What every point has to predict."""

    #: Multi-hot classes, all zero for a negative point, (P, A).
    labels: Tensor
    #: The action each point regresses, (P, 2); of no meaning for negatives.
    segments: Tensor


@TASK_UTILS.register_module()
class PointSegmentAssigner:
    """Give every point the shortest action that it may detect.

    A point may detect an action when it lies strictly inside the action and
    strictly within ``center_radius`` strides of its centre, and when the
    distance to the farther end is in the regression range of the level.
    Actions as long as the shortest one, up to ``length_tolerance``, all give
    the point their class.

    Args:
        center_radius (float, optional): Radius around the centre in strides
            of the point's level; None accepts the whole action. Defaults
            to 1.5.
        length_tolerance (float): In cells of the feature grid. Defaults to
            1e-3.
    """

    def __init__(self,
                 center_radius: Optional[float] = 1.5,
                 length_tolerance: float = 1e-3) -> None:
        self.center_radius = center_radius
        self.length_tolerance = length_tolerance

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
