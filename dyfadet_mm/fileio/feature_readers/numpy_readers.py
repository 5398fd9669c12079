import io
import lzma
import struct
import tokenize
import zipfile
import zlib
from typing import Optional

import numpy as np

from dyfadet_mm.registry import TASK_UTILS
from ..messages import brief, cut
from .base import BaseFeatureReader
from .checks import check_size
from .selection import select_key

# what NumPy and zipfile raise where they read damaged files
_DAMAGED = (ArithmeticError, AssertionError, AttributeError, EOFError,
            LookupError, MemoryError, OSError, RuntimeError, SyntaxError,
            TypeError, ValueError, lzma.LZMAError, struct.error,
            tokenize.TokenError, zipfile.BadZipFile, zlib.error)


@TASK_UTILS.register_module()
class NpyReader(BaseFeatureReader):
    """Features stored with :func:`numpy.save`, (T, C) of any real dtype.

    Files that hold Python objects are refused, because unpickling them would
    run whatever code they carry.
    """

    def decode(self, content: bytes) -> np.ndarray:
        """Turn the bytes of an npy file into an array.

        Args:
            content (bytes): The whole file.

        Returns:
            ndarray: The stored array.

        Raises:
            ValueError: If it is no npy file, damaged, or holds objects.
        """
        return load_npy(content)


@TASK_UTILS.register_module()
class NpzReader(BaseFeatureReader):
    """Features stored with :func:`numpy.savez`, compressed or not.

    Args:
        key (str, optional): Name of the array: ``'feats'`` in the published
            EPIC-Kitchens files, ``'feature'`` in those of Charades. Defaults
            to None, for files of one array.
        squeeze (bool): Drop a leading axis of size 1, (1, T, C), as the
            published Charades files have it. Defaults to False.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of the path.
    """

    def __init__(self,
                 key: Optional[str] = None,
                 squeeze: bool = False,
                 backend_args: Optional[dict] = None) -> None:
        super().__init__(backend_args)
        self.key = key
        self.squeeze = squeeze

    def decode(self, content: bytes) -> np.ndarray:
        """Turn the bytes of an npz file into an array.

        Args:
            content (bytes): The whole file.

        Returns:
            ndarray: The array that ``key`` names.

        Raises:
            ValueError: If it is no npz file, damaged, has no such key, or
                the array holds objects.
        """
        _check_start(content, b'PK', 'npz')
        try:
            arrays = np.load(io.BytesIO(content), allow_pickle=False)
        except _DAMAGED as error:
            raise _refusal(content, 'npz', error) from error
        key = select_key(arrays.files, self.key)
        sizes = [
            member.file_size for member in arrays.zip.infolist()
            if member.filename in (key, f'{key}.npy')
        ]
        if len(sizes) > 1:
            raise ValueError(f'have every array once, but got {len(sizes)} of '
                             f'the name {brief(key)}; save it again')
        check_size(sizes[0], len(content))
        try:
            feats = arrays[key]
        except _DAMAGED as error:
            raise _refusal(content, 'npz', error) from error
        if not isinstance(feats, np.ndarray):  # a zip file of other files
            raise ValueError(f'be an npz file, but got a zip file in which '
                             f'{brief(key)} is no array')
        if self.squeeze and feats.ndim == 3 and len(feats) == 1:
            return feats[0]
        return feats


def load_npy(content: bytes) -> np.ndarray:
    """Turn the bytes of an npy file into an array.

    Args:
        content (bytes): The whole file.

    Returns:
        ndarray: The stored array.

    Raises:
        ValueError: If it is no npy file, damaged, or holds objects; the
            message follows the words "file .. must ".
    """
    _check_start(content, b'\x93NUMPY', 'npy')
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except _DAMAGED as error:
        raise _refusal(content, 'npy', error) from error


def _check_start(content: bytes, start: bytes, name: str) -> None:
    """Tell another format from a damaged file."""
    if not content.startswith(start):
        raise ValueError(f'be an {name} file, but got other content of '
                         f'{len(content)} bytes; choose the reader of its '
                         'format')


def _refusal(content: bytes, name: str, error: Exception) -> ValueError:
    """Say why NumPy could not read a file."""
    if 'Object arrays' in str(error):
        return ValueError(
            f'be an {name} file of plain numbers, but got one of Python '
            'objects, which could run code; save the array inside with dtype '
            'float32')
    return ValueError(
        f'be a complete {name} file, but got {len(content)} bytes that end '
        f'early or are damaged ({cut(str(error), 300)}); copy or extract it '
        'again')
