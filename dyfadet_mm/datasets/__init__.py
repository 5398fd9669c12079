"""Datasets of untrimmed videos, by their features or their frames."""
from .activitynet import ActivityNetDataset
from .base_tad_dataset import TADDataset
from .charades import CharadesDataset
from .class_names import dataset_classes, num_detector_classes, use_classes
from .ego4d_mq import Ego4DMQDataset
from .epic_kitchens import EpicKitchens100Dataset
from .fineaction import FineActionDataset
from .hacs import HACSDataset
from .multithumos import MultiTHUMOSDataset
from .thumos14 import THUMOS14Dataset
from .transforms import (ClipActions, ConcatFeatures, DecodeInPieces,
                         LoadFeatures, PackTADInputs, RandomTruncate,
                         ResizeFeatures, SampleCellFrames, SecondsToGrid,
                         SelectFrames, SpreadFeatures, SubsampleFeatures)
from .video_dataset import TADVideoDataset

__all__ = [
    'ActivityNetDataset', 'CharadesDataset', 'ClipActions', 'ConcatFeatures',
    'DecodeInPieces', 'Ego4DMQDataset', 'EpicKitchens100Dataset',
    'FineActionDataset', 'HACSDataset', 'LoadFeatures', 'MultiTHUMOSDataset',
    'PackTADInputs', 'RandomTruncate', 'ResizeFeatures', 'SampleCellFrames',
    'SecondsToGrid', 'SelectFrames', 'SpreadFeatures', 'SubsampleFeatures',
    'TADDataset', 'TADVideoDataset', 'THUMOS14Dataset', 'dataset_classes',
    'num_detector_classes', 'use_classes'
]
