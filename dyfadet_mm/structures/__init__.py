"""Structures shared by data, models and evaluation."""
from .feature_grid import FeatureGrid
from .pyramid import (Cells, PackedCells, PackedPyramid, Padding, Pyramid,
                      pad_cells)
from .segments import grid_to_seconds, offset_iou, seconds_to_grid, segment_iou

__all__ = [
    'Cells', 'FeatureGrid', 'PackedCells', 'PackedPyramid', 'Padding',
    'Pyramid', 'grid_to_seconds', 'offset_iou', 'pad_cells', 'seconds_to_grid',
    'segment_iou'
]
