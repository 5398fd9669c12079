"""Evaluation of temporal action detection."""
from .files import load_ground_truth, load_predictions, save_predictions
from .functional import join_ground_truth, pair_detections, tad_map, tad_recall
from .metrics import BaseTADMetric, TADMapMetric, TADRecallMetric
from .table import format_recall_table, format_table

__all__ = [
    'BaseTADMetric', 'TADMapMetric', 'TADRecallMetric', 'format_recall_table',
    'format_table', 'join_ground_truth', 'load_ground_truth',
    'load_predictions', 'pair_detections', 'save_predictions', 'tad_map',
    'tad_recall'
]
