"""Container files: the features of many videos in one HDF5 file.

The path of a video in one is ``file.hdf5/KEY``. A local file is opened where
it is; one of another storage is downloaded once per process and removed when
that ends.
"""
import atexit
import os
import re
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import (TYPE_CHECKING, Collection, Dict, FrozenSet, Iterator,
                    Optional, Tuple)
from urllib.error import HTTPError

from mmengine import fileio

from ..messages import brief, cut
from ..reading import backend_of, check_regular

if TYPE_CHECKING:
    import h5py

# what h5py raises where it reads damaged files
_DAMAGED = (ArithmeticError, AttributeError, LookupError, MemoryError, OSError,
            RuntimeError, SystemError, TypeError, UnicodeError)
_CONTAINER = re.compile(r'(.+?\.(?:hdf5|h5|hdf))/(.+)', re.IGNORECASE)
#: Soft links that may lead to a data set.
MAX_LINKS = 16
_copies = ExitStack()
_copy_of: Dict[Tuple[str, str], str] = {}  # (URI, backend_args) -> local path
atexit.register(_copies.close)


def split_container(path: str) -> Tuple[str, Optional[str]]:
    """Split the path of a video into a container file and a key.

    Args:
        path (str): Local path or URI.

    Returns:
        tuple[str, str | None]: File and key, or ``path`` and None if it does
        not lead into a file of suffix ``.hdf5``, ``.h5`` or ``.hdf``.
    """
    match = _CONTAINER.fullmatch(path)
    if match is None or os.path.isdir(match[1]):
        return path, None
    return match[1], match[2]


@contextmanager
def open_container(
        path: str,
        backend_args: Optional[dict] = None) -> Iterator['h5py.File']:
    """Open a container file for one read.

    It does not stay open, since HDF5 does not survive the fork of a worker
    process.

    Args:
        path (str): Local path or URI of the file.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of ``path``.

    Yields:
        h5py.File: The open file.

    Raises:
        ImportError: If h5py is not installed.
        OSError: If there is no such file, or it must not be read.
        ValueError: If it is no HDF5 file, or damaged where it is read; the
            message follows the words "features at .. must ".
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError('HDF5 features need h5py, which is not installed: '
                          'pip install h5py') from error
    local = _local_path(path, backend_args)
    try:
        with h5py.File(local, 'r') as file:
            yield file
    except FileNotFoundError:
        raise
    except _DAMAGED as error:
        number = getattr(error, 'errno', None)
        if number is not None:  # without the many lines of HDF5
            raise OSError(number, os.strerror(number), local) from error
        raise ValueError(
            f'lie in a complete HDF5 file, but {path!r} of '
            f'{os.path.getsize(local)} bytes is damaged or of another format '
            f'({cut(str(error), 300)}); copy it again, or choose the reader '
            'of its format') from error


def container_keys(path: str,
                   backend_args: Optional[dict] = None) -> FrozenSet[str]:
    """Names in a container file, read anew only after it has changed.

    Args:
        path (str): Local path or URI of the file.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of ``path``.

    Returns:
        frozenset[str]: Names of data sets and groups at every depth.

    Raises:
        ImportError, OSError, ValueError: As :func:`open_container`.
    """
    local = _local_path(path, backend_args)
    status = os.stat(local)
    return _read_keys(local, status.st_mtime_ns, status.st_size)


def describe_keys(keys: Collection[str]) -> str:
    """Say how many keys there are and what they look like.

    Args:
        keys (Collection[str]): Names in a file.

    Returns:
        str: For example ``"2 keys: 'a', 'b'"``; five are shown at most.
    """
    shown = ', '.join(sorted(map(brief, keys))[:5])
    if not keys:
        return 'no keys'
    if len(keys) == 1:
        return f'1 key: {shown}'
    return f"{len(keys)} keys{', such as' if len(keys) > 5 else ':'} {shown}"


def find_dataset(file: 'h5py.File', key: str) -> 'h5py.Dataset':
    """Look a data set up without leaving the file.

    A key may lead through groups and soft links. HDF5 would follow other
    links into any file that they name, and make virtual and external data
    sets of the bytes of other files.

    Args:
        file (h5py.File): The open file.
        key (str): Names, separated by slashes.

    Returns:
        h5py.Dataset: The data set.

    Raises:
        FileNotFoundError: If there is no such key.
        ValueError: If it is a group or in another file; the message follows
            the words "features at .. must ".
    """
    import h5py
    node, names, num_links = file, key.encode().split(b'/')[::-1], 0
    while names:
        name = names.pop()
        if name in (b'', b'.'):
            continue
        # asked of the links themselves, since h5py's own look-up follows them
        if not isinstance(node, h5py.Group) or not node.id.links.exists(name):
            raise FileNotFoundError(key)
        kind = node.id.links.get_info(name).type
        if kind == h5py.h5l.TYPE_HARD:
            node = node[name]
        elif kind == h5py.h5l.TYPE_SOFT and num_links < MAX_LINKS:
            num_links += 1
            target = node.id.links.get_val(name)
            node = file if target.startswith(b'/') else node
            names += target.split(b'/')[::-1]
        else:
            raise _elsewhere('a link to another file, or in a circle')
    if isinstance(node, h5py.Group):
        raise ValueError(f'lead to a data set, but got a group with '
                         f'{describe_keys(list(node))}; append one of them to '
                         'file_suffix')
    if not isinstance(node, h5py.Dataset):
        raise ValueError('lead to a data set, but got a type of data')
    if node.is_virtual or node.external:
        raise _elsewhere('a data set of the content of other files')
    return node


def _elsewhere(what: str) -> ValueError:
    """Refuse what lies in another file."""
    return ValueError(f'lie in the HDF5 file itself, but got {what}; copy the '
                      'features into one file')


@lru_cache(maxsize=8)
def _read_keys(local: str, mtime_ns: int, size: int) -> FrozenSet[str]:
    """Read the names of a file in the state it had at ``mtime_ns``."""
    with open_container(local, dict(backend='local')) as file:
        names = set(file)  # with links, which a visit leaves out
        file.visit(names.add)
        return frozenset(names)


def _local_path(path: str, backend_args: Optional[dict]) -> str:
    """Where a container file can be opened, after a download if need be."""
    backend = backend_of(path, backend_args)
    if isinstance(backend, fileio.LocalBackend):
        check_regular(path)
        return path
    name = (path, repr(backend_args))
    if name not in _copy_of:
        try:
            local = _copies.enter_context(backend.get_local_path(path))
        except HTTPError as error:
            if error.code == 404:
                raise FileNotFoundError(path) from error
            raise
        _copy_of[name] = str(local)
    return _copy_of[name]
