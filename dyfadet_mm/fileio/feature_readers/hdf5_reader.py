import math
import os

import numpy as np

from dyfadet_mm.registry import TASK_UTILS
from .base import BaseFeatureReader
from .checks import check_features, check_size
from .containers import find_dataset, open_container, split_container


@TASK_UTILS.register_module()
class HDF5Reader(BaseFeatureReader):
    """Features of many videos in one HDF5 file, a (T, C) data set each.

    The path of a video is ``file.hdf5/KEY``: ``data_prefix`` of the dataset
    is the file, ``file_prefix`` is ``'v_'`` or whatever keys begin with, and
    ``file_suffix`` is ``''``. A key may lead through groups. Files of other
    storages are downloaded once per process. h5py is needed.
    """

    def load(self, path: str) -> np.ndarray:
        """Read one data set.

        Args:
            path (str): ``file.hdf5/KEY``, local or a URI.

        Returns:
            ndarray: Features as stored, expected to be (T, C).

        Raises:
            FileNotFoundError: If the file or its key is missing.
            ImportError: If h5py is not installed.
            OSError: If the file cannot be read.
            ValueError: If ``path`` has no key, the file is damaged, or the
                data set is none of numbers (T, C) in this file.
        """
        container, key = split_container(path)
        if key is None:
            raise ValueError(
                "be a path 'file.hdf5/KEY', but got no key in a file of "
                "suffix .hdf5, .h5 or .hdf; set data_prefix to the file, and "
                "file_suffix='' unless keys end in something")
        with open_container(container, self.backend_args) as file:
            item = find_dataset(file, key)
            check_features(item)  # before any of it is in memory
            chunk = math.prod(item.chunks or ())
            check_size(
                max(item.size, chunk) * item.dtype.itemsize,
                os.path.getsize(file.filename))
            return item[()]
