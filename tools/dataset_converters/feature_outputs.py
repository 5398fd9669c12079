"""Packed features: written, read again and compared, then named."""
import os
from contextlib import contextmanager
from typing import Iterator, List

import numpy as np
from feature_sources import Reading, Source

from dyfadet_mm.fileio import BaseFeatureReader, HDF5Reader, NpyReader


def pack_files(sources: List[Source], reading: Reading, out: str,
               resume: bool) -> int:
    """Write one npy file per video.

    Args:
        sources (list[Source]): What to read.
        reading (Reading): How; receives files that differ as failures.
        out (str): Folder.
        resume (bool): Whether files that are there may stay, if they hold
            what would be written.

    Returns:
        int: Videos in ``out``.

    Raises:
        FileExistsError: If ``out`` holds files and ``resume`` is False.
    """
    if not resume and os.path.lexists(out) and (not os.path.isdir(out)
                                                or os.listdir(out)):
        raise FileExistsError(f'{out!r} must be new or empty, but got files; '
                              'choose another, or complete it with --resume')
    os.makedirs(out, exist_ok=True)
    count = 0
    for source, feats in reading(sources):
        path = os.path.join(out, f'{source.name}.npy')
        if not os.path.lexists(path):
            with partial_file(path) as partial:
                with open(partial, 'wb') as file:
                    np.save(file, feats)
                verify(NpyReader(), partial, source.name, feats)
        try:
            verify(NpyReader(), path, source.name, feats)
            count += 1
        except ValueError as error:
            reading.failures.append(f'{error}; remove the file and run again')
    return count


def pack_container(sources: List[Source], reading: Reading, out: str) -> int:
    """Write one HDF5 file with a data set per video.

    Args:
        sources (list[Source]): What to read.
        reading (Reading): How.
        out (str): The file, which is not made if nothing can be read.

    Returns:
        int: Videos in ``out``.

    Raises:
        FileExistsError: If ``out`` exists.
        ImportError: If h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError('HDF5 files need h5py, which is not installed: pip '
                          'install h5py') from error
    count = 0
    with partial_file(out) as partial:
        for source, feats in reading(sources):
            with h5py.File(partial, 'a') as file:
                file[source.name] = feats
            verify(HDF5Reader(), f'{partial}/{source.name}', source.name,
                   feats)
            count += 1
    return count


@contextmanager
def partial_file(path: str) -> Iterator[str]:
    """Let a file take its name only after it is complete.

    Args:
        path (str): Name that is free.

    Yields:
        str: Where to write, a name in the same folder with the same suffix.

    Raises:
        FileExistsError: If there is such a file.
    """
    folder, name = os.path.split(os.path.abspath(path))
    partial = os.path.join(folder, f'.partial_{name}')
    os.makedirs(folder, exist_ok=True)
    _check_free(path)
    try:
        if os.path.lexists(partial):  # of a run that was killed
            os.remove(partial)
        yield partial
        _check_free(path)
        if os.path.lexists(partial):
            os.replace(partial, path)
    finally:
        if os.path.lexists(partial):
            os.remove(partial)


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
