"""Timelines of ground truth and detections."""
from .tad_visualizer import TADVisualizer
from .timeline import draw_timeline, figure_to_image

__all__ = ['TADVisualizer', 'draw_timeline', 'figure_to_image']
