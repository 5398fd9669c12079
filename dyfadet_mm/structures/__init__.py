"""Structures shared by data, models and evaluation."""
from .class_names import class_name
from .segments import grid_to_seconds, offset_iou, seconds_to_grid, segment_iou

__all__ = [
    'class_name', 'grid_to_seconds', 'offset_iou', 'seconds_to_grid',
    'segment_iou'
]
