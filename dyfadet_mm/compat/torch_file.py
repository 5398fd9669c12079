"""Checks a file of ``torch.save`` before PyTorch reads it.

``torch.load`` compares no check sums, so that a flipped bit becomes another
weight. With ``weights_only=True`` it calls harmless functions only, but with
any arguments.
"""
import io
import os
import os.path as osp
import pickle
import struct
import zipfile
import zlib
from dataclasses import replace
from functools import lru_cache
from typing import Any, BinaryIO, Dict, Optional

import torch

from .pickle_inspection import inspect_pickle
from .pickle_objects import Storage
from .unfolded_size import MAX_RATIO, InspectionError

#: What reading a damaged file raises, here and in PyTorch.
DAMAGED = (pickle.UnpicklingError, ArithmeticError, AssertionError,
           AttributeError, EOFError, ImportError, LookupError, MemoryError,
           OSError, RuntimeError, TypeError, ValueError, struct.error,
           zipfile.BadZipFile, zlib.error)
_ZIP = b'PK\x03\x04'
_MAGIC = 0x1950a86a20f9469cfc6c  # begins a file of PyTorch before 1.6
_CHUNK = 1 << 20


def inspect_path(path: str) -> None:
    """Check a file, unless this process did and it is still the same.

    Args:
        path (str): The file.

    Raises:
        Exception: One of :data:`DAMAGED`, if it must not be read.
    """
    status = os.stat(path)
    _inspect_once(
        osp.abspath(path), status.st_ino, status.st_size, status.st_mtime_ns,
        status.st_ctime_ns)


@lru_cache(maxsize=256)
def _inspect_once(path: str, *_: int) -> None:
    """Check a file in the state that the other numbers tell."""
    with open(path, 'rb') as file:
        inspect_file(file)


def inspect_file(file: BinaryIO) -> None:
    """Check an open file, or the bytes of one.

    Of the zip files that ``torch.save`` writes all check sums are compared;
    the format before PyTorch 1.6 has none.

    Args:
        file (BinaryIO): The file.

    Raises:
        Exception: One of :data:`DAMAGED`, if it must not be read.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if is_zip(file):
        _inspect_zip(file, size)
    else:
        _inspect_legacy(file, size)
    file.seek(0)


def is_zip(file: BinaryIO) -> bool:
    """Whether a file begins like those of ``torch.save`` since PyTorch 1.6.

    Args:
        file (BinaryIO): At its begin, where it stays.

    Returns:
        bool: True if it is a zip file.
    """
    start = file.read(len(_ZIP))
    file.seek(0)
    return start == _ZIP


def is_of_torch_save(path: str) -> bool:
    """Whether a file begins like those of ``torch.save``.

    Args:
        path (str): The file.

    Returns:
        bool: True if it does.
    """
    with open(path, 'rb') as file:
        start = file.read(32)
    return start.startswith(_ZIP) or _MAGIC.to_bytes(10, 'little') in start


class _Storages(dict):
    """Sizes of the storages that a pickle names, by key."""

    def load(self, pid: Any) -> Storage:
        """Note what a persistent id says."""
        if type(pid) is not tuple or len(pid) < 5 or pid[0] != 'storage':
            raise InspectionError('numbers that lie elsewhere')
        _, cls, key, location, number, *view = pid
        if type(number) is not int or number < 0 or type(key) is not str:
            raise InspectionError('numbers of no possible size')
        if location == 'meta':
            raise InspectionError('a meta tensor, which has no numbers')
        item = _item_bytes(cls)
        storage = Storage(number * item, item)
        if self.setdefault(key, storage) != storage:
            raise InspectionError('numbers of two kinds in one place')
        if view and view[0] is not None:
            _, offset, part = view[0]
            if not 0 <= offset <= offset + part <= number:
                raise InspectionError('a storage that reaches beyond another')
            storage = replace(storage, num_bytes=part * item)
        return storage


def _item_bytes(cls: str) -> int:
    """Bytes of one number of a class of storages, such as FloatStorage."""
    name = cls.rpartition('.')[2]
    if name == 'UntypedStorage':
        return 1
    return torch.storage._get_dtype_from_pickle_storage_type(name).itemsize


def _inspect_zip(file: BinaryIO, size: int) -> None:
    """Check the sizes, the check sums and the pickle of a zip file."""
    with zipfile.ZipFile(file) as archive:
        sizes = _check_members(archive, size)
    file.seek(0)
    # read as torch.load does, which may see other members than zipfile
    reader = torch._C.PyTorchFileReader(file)
    if 'constants.pkl' in reader.get_all_records():
        raise InspectionError('a TorchScript program')
    content = reader.get_record('data.pkl')
    storages = _Storages()
    inspect_pickle(io.BytesIO(content), size, load_storage=storages.load)
    for key, storage in storages.items():
        if storage.num_bytes > sizes.get(f'data/{key}', -1):
            raise InspectionError('a tensor whose numbers are missing')


def _check_members(archive: zipfile.ZipFile, size: int) -> Dict[str, int]:
    """Check the members of a zip file.

    Returns:
        dict[str, int]: Size of each by its name below the only folder.
    """
    members = archive.infolist()
    if sum(each.file_size for each in members) > MAX_RATIO * size:
        raise InspectionError('packed members, which torch.save never writes')
    # torch.serialization.set_crc32_options(False) leaves all of them out
    if any(each.CRC for each in members):
        for each in members:
            with archive.open(each) as member:
                while member.read(_CHUNK):
                    pass
    return {
        each.filename.partition('/')[2]: each.file_size
        for each in members
    }


def _inspect_legacy(file: BinaryIO, size: int) -> None:
    """Check the five pickles of an old file, and what follows them."""
    storages = _Storages()
    if inspect_pickle(file, size) != _MAGIC:
        raise pickle.UnpicklingError('torch.save did not write it')
    for _ in ('version', 'system'):
        inspect_pickle(file, size)
    inspect_pickle(file, size, load_storage=storages.load)
    keys: Optional[list] = inspect_pickle(file, size)
    if type(keys) is not list or sorted(keys) != sorted(storages):
        raise InspectionError('a tensor whose numbers are missing')
    rest = sum(8 + each.num_bytes for each in storages.values())
    if size - file.tell() < rest:
        raise EOFError('it ends early')
