"""Readers of pre-computed features, one class per file format.

A reader is chosen in the config, ``reader=dict(type='dyfadet_mm.NpyReader')``,
and answers ``read(path, video_id)`` with a (T, C) float32 array or with one
error that names the video, the file, what was expected and what to do.
"""
from .base import BaseFeatureReader
from .csv_reader import CSVReader
from .existence import features_exist, missing_features_message
from .hdf5_reader import HDF5Reader
from .numpy_readers import NpyReader, NpzReader
from .slowfast_reader import SlowFastPickleReader
from .torch_reader import TorchReader

__all__ = [
    'BaseFeatureReader', 'CSVReader', 'HDF5Reader', 'NpyReader', 'NpzReader',
    'SlowFastPickleReader', 'TorchReader', 'features_exist',
    'missing_features_message'
]
