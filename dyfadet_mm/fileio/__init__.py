"""Reading of annotation files and feature files."""
from .annotations import load_database, resolve_classes, select_subset
from .feature_readers import (BaseFeatureReader, NpyReader, features_exist,
                              missing_features_message)
from .video_entries import parse_video, remove_duplicates

__all__ = [
    'BaseFeatureReader', 'NpyReader', 'features_exist', 'load_database',
    'missing_features_message', 'parse_video', 'remove_duplicates',
    'resolve_classes', 'select_subset'
]
