"""Pictures, reports and files of ground truth, detections and features."""
from .exports import write_csv, write_subtitles
from .gate_figure import draw_gates
from .lettering import Lettering
from .mlflow_backend import MLflowVisBackend
from .overlay import write_overlay
from .report import write_report
from .similarity_figure import draw_similarity
from .tad_visualizer import TADVisualizer
from .timeline import draw_timeline, figure_to_image, save_figure

__all__ = [
    'Lettering', 'MLflowVisBackend', 'TADVisualizer', 'draw_gates',
    'draw_similarity', 'draw_timeline', 'figure_to_image', 'save_figure',
    'write_csv', 'write_overlay', 'write_report', 'write_subtitles'
]
