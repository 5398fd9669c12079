"""Metrics for MMEngine's evaluator."""
from .base_tad_metric import BaseTADMetric
from .dump_metric import DumpMetric
from .tad_map_metric import TADMapMetric
from .tad_proposal_metric import TADProposalMetric
from .tad_recall_metric import TADRecallMetric

__all__ = [
    'BaseTADMetric', 'DumpMetric', 'TADMapMetric', 'TADProposalMetric',
    'TADRecallMetric'
]
