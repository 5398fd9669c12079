"""Metrics as pure functions: arrays in, numbers out."""
from .average_precision import tad_map
from .average_recall import tad_average_recall
from .compound import join_ground_truth, pair_detections
from .error_analysis import analyze_errors
from .error_details import detail_errors
from .recall import tad_recall

__all__ = [
    'analyze_errors', 'detail_errors', 'join_ground_truth', 'pair_detections',
    'tad_average_recall', 'tad_map', 'tad_recall'
]
