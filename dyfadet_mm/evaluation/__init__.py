"""Evaluation of temporal action detection."""
from .files import (load_predictions, load_predictions_and_classes,
                    save_predictions)
from .functional import (analyze_errors, cosine_similarity, count_gates,
                         detail_errors, gate_activity, gate_rows,
                         join_ground_truth, mean_similarity, pair_detections,
                         tad_average_recall, tad_map, tad_recall)
from .ground_truth import load_ground_truth
from .metrics import (BaseTADMetric, TADMapMetric, TADProposalMetric,
                      TADRecallMetric)
from .submissions import (detections_of, load_epic_submission,
                          make_ego4d_submission, make_epic_submission,
                          make_submission, save_submission)
from .table import format_proposal_table, format_recall_table, format_table
from .video_ids import match_case, rename_videos, renaming_hint

__all__ = [
    'BaseTADMetric', 'TADMapMetric', 'TADProposalMetric', 'TADRecallMetric',
    'analyze_errors', 'cosine_similarity', 'count_gates', 'detail_errors',
    'detections_of', 'format_proposal_table', 'format_recall_table',
    'format_table', 'gate_activity', 'gate_rows', 'join_ground_truth',
    'load_epic_submission', 'load_ground_truth', 'load_predictions',
    'load_predictions_and_classes', 'make_ego4d_submission',
    'make_epic_submission', 'make_submission', 'match_case', 'mean_similarity',
    'pair_detections', 'rename_videos', 'renaming_hint', 'save_predictions',
    'save_submission', 'tad_average_recall', 'tad_map', 'tad_recall'
]
