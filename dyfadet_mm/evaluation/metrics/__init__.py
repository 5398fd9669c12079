"""Metrics for MMEngine's evaluator."""
from .tad_map_metric import TADMapMetric

__all__ = ['TADMapMetric']
