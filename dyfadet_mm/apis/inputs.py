"""What a person gives to detect in: files, folders, lists, arrays."""
import os
import os.path as osp
from typing import Any, Iterator, List, NamedTuple, Optional, Set, Union

import numpy as np
import torch

from dyfadet_mm.fileio import CONTAINERS, VIDEO_SUFFIXES, brief, read_lines
from dyfadet_mm.fileio.feature_readers.containers import (container_keys,
                                                          split_container)

# suffix of a file to the reader of its format
READERS = {
    '.csv': 'CSVReader',
    '.npy': 'NpyReader',
    '.npz': 'NpzReader',
    '.pt': 'TorchReader',
    '.pth': 'TorchReader',
    **dict.fromkeys(CONTAINERS, 'HDF5Reader')
}
FEATURES = tuple(READERS)
# the others are as often something else
IN_FOLDERS = (*VIDEO_SUFFIXES, '.npy', '.npz', '.pt', *CONTAINERS)


class Source(NamedTuple):
    """One video to detect in.

    Attributes:
        video_id (str): Name of the file without its suffix, key of an HDF5
            file, or ``array_0``, ``array_1``, ...
        path (str, optional): Of the video or of its features; None for an
            array.
        feats (ndarray, optional): Features (T, C) where they are given
            themselves.
    """

    video_id: str
    path: Optional[str] = None
    feats: Optional[np.ndarray] = None

    @property
    def name(self) -> str:
        """str: What the user called it."""
        return self.path or self.video_id

    @property
    def is_video(self) -> bool:
        """bool: Whether frames have to be decoded."""
        return self.path is not None and suffix_of(self.path) in VIDEO_SUFFIXES


def list_sources(inputs: Any) -> List[Source]:
    """List the videos of any input of the inferencer.

    Args:
        inputs (Any): A video, a feature file, an array (T, C), a folder of
            files, a text file with one path per line, a source, or a list of
            these. Paths of a text file are relative to its folder.

    Returns:
        list[Source]: In the order of a list, and by name of a folder.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        TypeError: If an input is none of these.
        ValueError: If a folder or list has no video.
    """
    sources: List[Source] = []
    taken: Set[str] = set()
    for path_or_feats in _expand(inputs):
        if isinstance(path_or_feats, Source):
            sources.append(path_or_feats)
        elif isinstance(path_or_feats, str):
            name = split_container(path_or_feats)[1] or osp.splitext(
                osp.basename(path_or_feats))[0]
            sources.append(Source(_unique(name, taken), path_or_feats))
        else:
            name = _unique(f'array_{len(sources)}', taken)
            sources.append(Source(name, feats=_to_array(path_or_feats)))
    if not sources:
        raise ValueError(
            f'inputs must have a video, but got {brief(inputs)}, '
            f'which has none; videos end in one of {VIDEO_SUFFIXES}, '
            f'features in one of {FEATURES}')
    return sources


def reader_of(path: str) -> dict:
    """Config of the reader of a feature file, by its suffix."""
    container, _ = split_container(path)
    return dict(type=f'dyfadet_mm.{READERS[suffix_of(container)]}')


def suffix_of(path: str) -> str:
    """Suffix of a path, in lower case."""
    return osp.splitext(path)[1].lower()


def _to_array(feats: Union[np.ndarray, torch.Tensor]) -> np.ndarray:
    """Features on the CPU."""
    if isinstance(feats, torch.Tensor):
        feats = feats.detach().cpu()
        feats = (feats.float() if feats.is_floating_point() else feats).numpy()
    return feats


def _unique(name: str, taken: Set[str]) -> str:
    """A name that no other video has."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f'{name}-{number}'
    taken.add(found)
    return found


def _expand(
        inputs: Any) -> Iterator[Union[str, np.ndarray, torch.Tensor, Source]]:
    """Paths of files, and arrays, one after the other."""
    if isinstance(inputs, Source):  # a tuple too
        yield inputs
    elif isinstance(inputs, (list, tuple)):
        for each in inputs:
            yield from _expand(each)
    elif isinstance(inputs, (np.ndarray, torch.Tensor)):
        yield inputs
    elif isinstance(inputs, (str, os.PathLike)):
        yield from _expand_path(os.fspath(inputs))
    else:
        raise TypeError('inputs must be paths, arrays (T, C) or a list of '
                        f'them, but got {type(inputs).__name__}')


def _expand_path(path: str, is_line: bool = False) -> Iterator[str]:
    """Files that a path, or a line of a text file, stands for."""
    folder, suffix = osp.dirname(path), suffix_of(path)
    if osp.isdir(path):
        for name in sorted(os.listdir(path)):
            if suffix_of(name) in IN_FOLDERS and not name.startswith('.'):
                yield from _expand_path(osp.join(path, name))
    elif _is_in_container(path):
        yield path
    elif not osp.isfile(path):
        raise FileNotFoundError(f'there is no file or folder {path!r}')
    elif suffix == '.txt' and not is_line:
        for line in read_lines(path, 'list of inputs', 'give one that is'):
            yield from _expand_path(osp.join(folder, line.strip()), True)
    elif suffix in CONTAINERS:
        keys = container_keys(path)
        groups = {osp.dirname(key) for key in keys}
        yield from (f'{path}/{key}' for key in sorted(keys - groups))
    elif suffix in VIDEO_SUFFIXES + FEATURES:
        yield path
    else:
        raise ValueError(
            f'inputs must be videos, {VIDEO_SUFFIXES}, or features, '
            f'{FEATURES}, but got {path!r}')


def _is_in_container(path: str) -> bool:
    """Whether a path leads into an HDF5 file."""
    container, key = split_container(path)
    return key is not None and osp.isfile(container)
