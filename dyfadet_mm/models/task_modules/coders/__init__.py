from .segment_coder import SegmentCoder

__all__ = ['SegmentCoder']
