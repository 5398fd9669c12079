"""Evaluation of temporal action detection."""
from .files import load_ground_truth, load_predictions, save_predictions
from .functional import (join_ground_truth, pair_detections,
                         tad_average_recall, tad_map, tad_recall)
from .metrics import (BaseTADMetric, TADMapMetric, TADProposalMetric,
                      TADRecallMetric)
from .table import format_proposal_table, format_recall_table, format_table

__all__ = [
    'BaseTADMetric', 'TADMapMetric', 'TADProposalMetric', 'TADRecallMetric',
    'format_proposal_table', 'format_recall_table', 'format_table',
    'join_ground_truth', 'load_ground_truth', 'load_predictions',
    'pair_detections', 'save_predictions', 'tad_average_recall', 'tad_map',
    'tad_recall'
]
