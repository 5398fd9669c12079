"""Timelines of ground truth and detections."""
from .lettering import Lettering
from .tad_visualizer import TADVisualizer
from .timeline import draw_timeline, figure_to_image, save_figure

__all__ = [
    'Lettering', 'TADVisualizer', 'draw_timeline', 'figure_to_image',
    'save_figure'
]
