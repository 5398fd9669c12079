"""Packed features: written, read again and compared, then named."""
import glob
import os
from contextlib import contextmanager
from itertools import chain
from typing import Iterator, List

import numpy as np
from feature_sources import Reading, Source

from dyfadet_mm.fileio import (BaseFeatureReader, HDF5Reader, NpyReader,
                               atomic_path, remove_parts)
from dyfadet_mm.fileio.feature_readers.containers import container_keys


def pack_files(sources: List[Source], reading: Reading, out: str,
               resume: bool) -> List[str]:
    """Write one npy file per video.

    Args:
        sources (list[Source]): What to read.
        reading (Reading): How; receives files that differ as failures.
        out (str): Folder.
        resume (bool): Whether files that are there may stay, if they hold
            what would be written.

    Returns:
        list[str]: Videos in ``out``.

    Raises:
        FileExistsError: If ``out`` holds files and ``resume`` is False.
    """
    if not resume and os.path.lexists(out) and (not os.path.isdir(out)
                                                or os.listdir(out)):
        raise FileExistsError(f'{out!r} must be new or empty, but got files; '
                              'choose another, or complete it with --resume')
    os.makedirs(out, exist_ok=True)
    remove_parts(out)
    names = []
    for source, feats in reading(sources):
        path = os.path.join(out, f'{source.name}.npy')
        if not os.path.lexists(path):
            with new_file(path) as part:
                with open(part, 'wb') as file:
                    np.save(file, feats)
                verify(NpyReader(), part, source.name, feats)
        try:
            verify(NpyReader(), path, source.name, feats)
            names.append(source.name)
        except ValueError as error:
            reading.failures.append(f'{error}; remove the file and run again')
    return names


def pack_container(sources: List[Source], reading: Reading,
                   out: str) -> List[str]:
    """Write one HDF5 file with a data set per video.

    Args:
        sources (list[Source]): What to read.
        reading (Reading): How.
        out (str): The file, which is not made if nothing can be read.

    Returns:
        list[str]: Videos in ``out``.

    Raises:
        FileExistsError: If ``out`` exists.
        ImportError: If h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError('HDF5 files need h5py, which is not installed: pip '
                          'install h5py') from error
    _check_free(out)
    folder, name = os.path.split(os.path.abspath(out))
    remove_parts(folder, glob.escape(name))
    readable = reading(sources)
    first = next(readable, None)
    if first is None:
        return []
    names = []
    with new_file(out, os.path.splitext(out)[1]) as part:
        for source, feats in chain([first], readable):
            with h5py.File(part, 'a') as file:
                file[source.name] = feats
            verify(HDF5Reader(), f'{part}/{source.name}', source.name, feats)
            names.append(source.name)
    return names


def check_complete(out: str, names: List[str], is_container: bool) -> None:
    """Count at the end what is there, whoever else wrote meanwhile.

    Args:
        out (str): Folder or HDF5 file.
        names (list[str]): Videos that must be in it.
        is_container (bool): Whether it is a file.

    Raises:
        ValueError: If one is missing.
    """
    if not names:
        return
    there = container_keys(out) if is_container else {
        each[:-len('.npy')]
        for each in os.listdir(out) if each.endswith('.npy')
    }
    lost = sorted(set(names) - set(there))
    if lost:
        raise ValueError(f'{out!r} must hold {len(names)} videos, but lost '
                         f'{len(lost)}, such as {lost[0]!r}; see what else '
                         'writes there, and run again')


@contextmanager
def new_file(path: str, suffix: str = '') -> Iterator[str]:
    """Let a file take a free name only after it is complete.

    Args:
        path (str): The name.
        suffix (str): As of :func:`atomic_path`. Defaults to ''.

    Yields:
        str: Where to write.

    Raises:
        FileExistsError: If there is such a file.
    """
    _check_free(path)
    with atomic_path(path, suffix) as part:
        yield part
        _check_free(path)


def _check_free(path: str) -> None:
    """Refuse to overwrite anything."""
    if os.path.lexists(path):
        raise FileExistsError(f'{path!r} must be new, but it exists; choose '
                              'another name or move it away')


def verify(reader: BaseFeatureReader, path: str, name: str,
           feats: np.ndarray) -> None:
    """Read features back and compare them.

    Args:
        reader (BaseFeatureReader): Reader of the output.
        path (str): Where they were written.
        name (str): Name of the video.
        feats (ndarray): What must be there, (T, C).

    Raises:
        ValueError: If anything differs.
    """
    if not np.array_equal(reader.read(path, name), feats):
        raise ValueError(f'{path!r} must hold the features of video {name!r} '
                         'as they were read, but they differ')
