"""Features on the disk: written as they come, complete or not there."""
import os.path as osp
from contextlib import suppress
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

import numpy as np

from dyfadet_mm.fileio import atomic_path

#: Bytes before the values of a file, which hold the number of cells.
HEADER = 128
# cells read at a time
_ROWS = 4096


class FeatureWriter:
    """One npy file (T, C) of which T is known at the end.

    No more than a row is in memory. Until :meth:`close`, and for good if the
    process is killed, there is no file of that name.

    Args:
        path (str): The file; an old one is replaced.
        dtype (str): ``'float32'`` or ``'float16'``.

    Raises:
        WriteError: If it cannot be written, here or later.
    """

    def __init__(self, path: str, dtype: str) -> None:
        self.path = path
        #: Rows so far, and their values.
        self.num_cells = 0
        self.channels: Optional[int] = None
        self._dtype = np.dtype(dtype).newbyteorder('<')
        self._part = atomic_path(path)
        self._file = open(self._part.__enter__(), 'wb')
        self._guard(self._file.write, bytes(HEADER))

    def append(self, feature: np.ndarray) -> None:
        """Add a cell.

        Args:
            feature (ndarray): (C, ).

        Raises:
            ValueError: If a value is not finite, or too large for the kind
                of number.
        """
        with np.errstate(over='ignore'):
            row = feature.astype(self._dtype)
        if not np.isfinite(row).all():
            worst = np.abs(feature).max()
            raise ValueError(
                f'features must be finite in {self._dtype.name}, but cell '
                f'{self.num_cells} has {worst:g}; the weights may be damaged, '
                'or float32 needed')
        self.channels = len(row)
        self._guard(self._file.write, row.tobytes())
        self.num_cells += 1

    def close(self) -> None:
        """Let the file appear, after what is in it has been verified."""
        shape = (self.num_cells, self.channels)
        text = (f"{{'descr': '{self._dtype.str}', 'fortran_order': False, "
                f"'shape': {shape}, }}")
        # magic string, version and length are 10 bytes
        text = text.ljust(HEADER - 11) + '\n'
        head = b'\x93NUMPY\x01\x00' + (HEADER - 10).to_bytes(2, 'little')
        self._guard(self._file.seek, 0)
        self._guard(self._file.write, head + text.encode())
        self._guard(self._file.close)
        self._guard(check_features, self._file.name, *shape)
        self._part.__exit__(None, None, None)

    def discard(self) -> None:
        """Leave nothing."""
        with suppress(OSError):
            self._file.close()
        with suppress(_Discarded):
            self._part.__exit__(_Discarded, _Discarded(), None)

    def _guard(self, function: Callable, *args: Any) -> None:
        """Let what :func:`atomic_path` knows of errors explain one."""
        try:
            function(*args)
        except Exception as error:
            with suppress(OSError):
                self._file.close()
            self._part.__exit__(type(error), error, error.__traceback__)
            raise


class _Discarded(Exception):
    """A file is not wanted."""


def check_features(path: str,
                   num_cells: Optional[int] = None,
                   channels: Optional[int] = None) -> None:
    """Read an npy file again, a part at a time.

    Args:
        path (str): The file.
        num_cells (int, optional): T that it must have. Defaults to None, any
            above 0.
        channels (int, optional): C that it must have. Defaults to None.

    Raises:
        ValueError: If it holds anything but finite numbers of that shape.
    """
    try:
        feats = np.load(path, mmap_mode='r', allow_pickle=False)
        _check_array(feats, num_cells, channels)
    except (OSError, ValueError) as error:
        raise ValueError(f'{path!r} must hold features, but got: {error}; '
                         'remove the file and run again') from error


def _check_array(feats: np.ndarray,
                 num_cells: Optional[int] = None,
                 channels: Optional[int] = None) -> None:
    """Check the shape and the values of an array, or HDF5 data set."""
    shape = getattr(feats, 'shape', ())
    if (len(shape) != 2 or not shape[0] or num_cells not in (None, shape[0])
            or channels not in (None, shape[1])):
        raise ValueError(f'shape {shape} instead of '
                         f'({num_cells or "T"}, {channels or "C"})')
    for rows in _blocks(feats):
        if rows.dtype.kind != 'f' or not np.isfinite(rows).all():
            raise ValueError('values that are not finite numbers')


def _blocks(feats: np.ndarray) -> Iterable[np.ndarray]:
    """Parts of an array that fit into memory."""
    for start in range(0, len(feats), _ROWS):
        yield np.asarray(feats[start:start + _ROWS])


class Container:
    """One HDF5 file with a data set per video.

    Args:
        path (str): The file, which need not exist.

    Raises:
        ImportError: If h5py is not installed.
    """

    def __init__(self, path: str) -> None:
        try:
            import h5py
        except ImportError as error:
            raise ImportError('HDF5 files need h5py, which is not installed: '
                              'pip install h5py') from error
        self._h5py = h5py
        self.path = path

    def check(self) -> List[str]:
        """Read all of it again, a part at a time.

        Returns:
            list[str]: Ids of its videos, none if there is no such file.

        Raises:
            ValueError: If it holds anything but finite numbers (T, C).
        """
        if not osp.exists(self.path):
            return []
        return self._check(self.path)

    def add(self, files: Dict[str, str], keep: Sequence[str]) -> None:
        """Add videos, all of them or none.

        Args:
            files (dict[str, str]): npy file by id.
            keep (Sequence[str]): Ids of the file that stay in it.

        Raises:
            ValueError: If what was written cannot be read again.
            WriteError: If the file cannot be written.
        """
        with atomic_path(self.path) as part:
            with self._h5py.File(part, 'w') as new:
                if osp.exists(self.path):
                    with self._h5py.File(self.path) as old:
                        for key in keep:
                            old.copy(key, new)
                for key, path in files.items():
                    feats = np.load(path, mmap_mode='r', allow_pickle=False)
                    item = new.create_dataset(key, feats.shape, feats.dtype)
                    for start in range(0, len(feats), _ROWS):
                        item[start:start + _ROWS] = feats[start:start + _ROWS]
            self._check(part)

    def _check(self, path: str) -> List[str]:
        """Check one file; the error names the one of the user."""
        try:
            with self._h5py.File(path) as file:
                for key in file:
                    _check_array(file[key])
                return list(file)
        except (OSError, RuntimeError, ValueError) as error:
            raise ValueError(
                f'{self.path!r} must be an HDF5 file of features, but got: '
                f'{error}; move it away and run again') from error
