"""Datasets of untrimmed videos with pre-computed features."""
from .base_tad_dataset import TADDataset
from .thumos14 import THUMOS14Dataset
from .transforms import (LoadFeatures, PackTADInputs, RandomTruncate,
                         SecondsToGrid)

__all__ = [
    'LoadFeatures', 'PackTADInputs', 'RandomTruncate', 'SecondsToGrid',
    'TADDataset', 'THUMOS14Dataset'
]
