"""Reports: a page of videos and their detections for any browser."""
from .page import write_report

__all__ = ['write_report']
