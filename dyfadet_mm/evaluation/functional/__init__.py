"""Metrics as pure functions: arrays in, numbers out."""
from .average_precision import tad_map

__all__ = ['tad_map']
