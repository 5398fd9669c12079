import torch
from torch import Tensor

from dyfadet_mm.registry import TASK_UTILS
from ..prior_generators import Points


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
        position, stride = points.position.view(shape), points.stride.view(
            shape)
        left, right = offsets.unbind(-1)
        return torch.stack(
            (position - left * stride, position + right * stride), -1)
