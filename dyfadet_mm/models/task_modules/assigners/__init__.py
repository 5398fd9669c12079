from .point_segment_assigner import Assignment, PointSegmentAssigner

__all__ = ['Assignment', 'PointSegmentAssigner']
