from .assigners import Assignment, PointSegmentAssigner
from .coders import SegmentCoder
from .prior_generators import PointGenerator, Points

__all__ = [
    'Assignment', 'PointGenerator', 'PointSegmentAssigner', 'Points',
    'SegmentCoder'
]
