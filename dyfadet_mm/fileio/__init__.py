"""Reading of annotation and feature files, and writing of any file."""
from .action_filters import find_reversed, remove_duplicates, remove_short
from .annotations import (check_video_id, exclude_videos, load_database,
                          read_entries, select_subset, subset_name)
from .atomic import (WriteError, atomic_path, check_writable, remove_parts,
                     save_json)
from .atomic_backend import AtomicLocalBackend
from .class_lists import (check_classes, class_name, extend_classes,
                          find_empty_classes, read_class_list, resolve_classes)
from .feature_grids import (CONTAINERS, GRID_FILE, check_grid, grid_path,
                            load_grid, save_grid)
from .feature_readers import (BaseFeatureReader, CSVReader, HDF5Reader,
                              NpyReader, NpzReader, SlowFastPickleReader,
                              TorchReader, features_exist,
                              missing_features_message)
from .file_names import FileNames
from .folder_lock import FolderLock, InUseError
from .literal_config import literal_config
from .messages import MissingFieldError, brief, cut, naming, user_errors
from .raw_predictions import (RawPredictions, RawVideo, average_raw_videos,
                              load_raw_predictions, raw_paths, save_raw_facts,
                              save_raw_video)
from .reading import UnreadableFileError, read_bytes, read_lines
from .strict_json import load_json_strict
from .video_entries import actions_of, label_name, parse_video, to_number
from .video_files import VIDEO_SUFFIXES, find_videos
from .video_writer import write_video
from .videos import (VideoError, VideoInfo, VideoReader, check_container,
                     probe_video)

__all__ = [
    'AtomicLocalBackend', 'BaseFeatureReader', 'CONTAINERS', 'CSVReader',
    'FileNames', 'FolderLock', 'GRID_FILE', 'HDF5Reader', 'InUseError',
    'MissingFieldError', 'NpyReader', 'NpzReader', 'RawPredictions',
    'RawVideo', 'SlowFastPickleReader', 'TorchReader', 'UnreadableFileError',
    'VIDEO_SUFFIXES', 'VideoError', 'VideoInfo', 'VideoReader', 'WriteError',
    'actions_of', 'atomic_path', 'average_raw_videos', 'brief',
    'check_classes', 'check_grid', 'check_video_id', 'check_writable',
    'check_container', 'class_name', 'cut', 'exclude_videos', 'extend_classes',
    'features_exist', 'find_empty_classes', 'find_reversed', 'find_videos',
    'grid_path', 'label_name', 'literal_config', 'load_database', 'load_grid',
    'load_json_strict', 'load_raw_predictions', 'missing_features_message',
    'naming', 'parse_video', 'probe_video', 'raw_paths', 'read_bytes',
    'read_class_list', 'read_entries', 'read_lines', 'remove_duplicates',
    'remove_parts', 'remove_short', 'resolve_classes', 'save_grid',
    'save_json', 'save_raw_facts', 'save_raw_video', 'select_subset',
    'subset_name', 'to_number', 'user_errors', 'write_video'
]
