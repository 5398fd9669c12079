"""Evaluation of temporal action detection."""
from .files import load_ground_truth, load_predictions, save_predictions
from .functional import tad_map
from .metrics import TADMapMetric
from .table import format_table

__all__ = [
    'TADMapMetric', 'format_table', 'load_ground_truth', 'load_predictions',
    'save_predictions', 'tad_map'
]
