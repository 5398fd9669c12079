"""Metrics as pure functions: arrays in, numbers out."""
from .average_precision import tad_map
from .average_recall import tad_average_recall
from .compound import join_ground_truth, pair_detections
from .error_analysis import analyze_errors
from .error_details import detail_errors
from .gate_activity import count_gates, gate_activity, gate_rows
from .recall import tad_recall
from .similarity import cosine_similarity, mean_similarity

__all__ = [
    'analyze_errors', 'cosine_similarity', 'count_gates', 'detail_errors',
    'gate_activity', 'gate_rows', 'join_ground_truth', 'mean_similarity',
    'pair_detections', 'tad_average_recall', 'tad_map', 'tad_recall'
]
