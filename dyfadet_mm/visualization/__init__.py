"""Timelines, reports and files of ground truth and detections."""
from .exports import write_csv, write_subtitles
from .lettering import Lettering
from .overlay import write_overlay
from .report import write_report
from .tad_visualizer import TADVisualizer
from .timeline import draw_timeline, figure_to_image, save_figure

__all__ = [
    'Lettering', 'TADVisualizer', 'draw_timeline', 'figure_to_image',
    'save_figure', 'write_csv', 'write_overlay', 'write_report',
    'write_subtitles'
]
