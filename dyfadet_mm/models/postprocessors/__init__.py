from .score_fusion import ScoreFusion
from .segment_postprocessor import SegmentPostprocessor

__all__ = ['ScoreFusion', 'SegmentPostprocessor']
