"""Reading of annotation files and feature files."""
from .annotations import exclude_videos, load_database, select_subset
from .class_lists import find_empty_classes, resolve_classes
from .feature_readers import (BaseFeatureReader, CSVReader, HDF5Reader,
                              NpyReader, NpzReader, SlowFastPickleReader,
                              TorchReader, features_exist,
                              missing_features_message)
from .video_entries import parse_video, remove_duplicates, remove_short

__all__ = [
    'BaseFeatureReader', 'CSVReader', 'HDF5Reader', 'NpyReader', 'NpzReader',
    'SlowFastPickleReader', 'TorchReader', 'exclude_videos', 'features_exist',
    'find_empty_classes', 'load_database', 'missing_features_message',
    'parse_video', 'remove_duplicates', 'remove_short', 'resolve_classes',
    'select_subset'
]
