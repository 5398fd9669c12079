"""Reading of annotation files and feature files."""
from .annotations import (check_video_id, exclude_videos, load_database,
                          select_subset)
from .class_lists import (check_classes, extend_classes, find_empty_classes,
                          resolve_classes)
from .feature_readers import (BaseFeatureReader, CSVReader, HDF5Reader,
                              NpyReader, NpzReader, SlowFastPickleReader,
                              TorchReader, features_exist,
                              missing_features_message)
from .strict_json import load_json_strict
from .video_entries import (actions_of, find_reversed, label_name, parse_video,
                            remove_duplicates, remove_short)

__all__ = [
    'BaseFeatureReader', 'CSVReader', 'HDF5Reader', 'NpyReader', 'NpzReader',
    'SlowFastPickleReader', 'TorchReader', 'actions_of', 'check_classes',
    'check_video_id', 'exclude_videos', 'extend_classes', 'features_exist',
    'find_empty_classes', 'find_reversed', 'label_name', 'load_database',
    'load_json_strict', 'missing_features_message', 'parse_video',
    'remove_duplicates', 'remove_short', 'resolve_classes', 'select_subset'
]
