"""Refuses a file that cannot be read as data, in one line.

MMEngine hands a file to ``torch.load`` as it comes. What a wrong file raises
then differs from file to file, and the advice of PyTorch is to switch its
protection off. Below PyTorch 2.6, and for downloads in any version, the
protection is off by default, and damage goes unnoticed. What ``torch.load``
reads as data is handed on as MMEngine would, whatever it is.

Upstream: open-mmlab/mmengine issue 1655.
Delete when: MMEngine reads every checkpoint with ``weights_only=True`` and
names the file it could not read.
"""
import os
import os.path as osp
import pickle
import re
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any, Callable, Iterator, Optional, Union
from urllib.error import URLError
from urllib.parse import urlparse

import torch

from .torch_file import DAMAGED, inspect_path, is_of_torch_save
from .unfolded_size import InspectionError

MapLocation = Union[str, torch.device, dict, Callable, None]


class UnreadableCheckpoint(ValueError, RuntimeError, pickle.UnpicklingError):
    """A file cannot be read as data.

    It is also what ``torch.load`` raises, for those who catch that.
    """


class UnreachableCheckpoint(UnreadableCheckpoint, URLError):
    """A checkpoint cannot be downloaded."""

    def __init__(self, text: str) -> None:
        URLError.__init__(self, text)

    def __str__(self) -> str:
        return self.reason


def unneeded() -> Optional[str]:
    """Why there is nothing to mend, or None if there is."""
    from mmengine.runner.checkpoint import CheckpointLoader
    if CheckpointLoader._get_checkpoint_loader('a.pth') is load_from_local:
        return 'the loader is registered already'
    return None


def apply() -> None:
    """Make MMEngine read local and downloaded checkpoints safely."""
    from mmengine.runner import checkpoint
    checkpoint.CheckpointLoader.register_scheme(
        prefixes='', loader=load_from_local, force=True)
    checkpoint.load_url = load_url


def load_from_local(filename: str, map_location: MapLocation = None) -> Any:
    """Load what ``torch.save`` wrote to a path.

    Args:
        filename (str): The path.
        map_location (str, optional): As in :func:`torch.load`. Defaults to
            None.

    Returns:
        Any: What the file holds; a dict, if it is a checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        UnreadableCheckpoint: If the file is none of ``torch.save``, is damaged
            or carries code.
    """
    filename = osp.expanduser(filename)
    if not osp.isfile(filename):
        raise FileNotFoundError(
            f'there is no checkpoint at {_cut(repr(filename))}')
    with _one_line_errors(filename):
        if not str(filename).endswith('.safetensors'):  # read by its library
            inspect_path(filename)
        return _read(filename, map_location)


def load_url(url: str,
             model_dir: Optional[str] = None,
             map_location: MapLocation = None,
             progress: bool = True,
             check_hash: bool = False,
             file_name: Optional[str] = None,
             **_: Any) -> Any:
    """Download a checkpoint, unless it is there, and load it.

    Args:
        url (str): Where it is.
        model_dir (str, optional): Folder to save it in. Defaults to None,
            the one of ``torch.hub``.
        map_location (str, optional): As in :func:`torch.load`. Defaults to
            None.
        progress (bool): Whether to show a progress bar. Defaults to True.
        check_hash (bool): Whether the name, such as ``NAME-0123abcd.pth``,
            holds the begin of the sha256. Defaults to False.
        file_name (str, optional): Name to save it under. Defaults to None,
            that of the address.

    Returns:
        Any: What the file holds.

    Raises:
        UnreachableCheckpoint: If it cannot be downloaded.
        UnreadableCheckpoint: As in :func:`load_from_local`.
    """
    with _one_line_errors(url):
        folder = model_dir or osp.join(torch.hub.get_dir(), 'checkpoints')
        name = file_name or osp.basename(urlparse(url).path)
        path = osp.join(folder, name)
        is_new = not osp.isfile(path)
        if is_new:
            os.makedirs(folder, exist_ok=True)
            digest = re.search(r'-([a-f0-9]+)\.', name)
            torch.hub.download_url_to_file(
                url, path, digest[1] if check_hash and digest else None,
                progress)
    try:
        return load_from_local(path, map_location)
    except UnreadableCheckpoint:
        if is_new:  # the next call may get a whole one
            os.remove(path)
        raise


def _read(filename: str, map_location: MapLocation) -> Any:
    """Read a file as data."""
    if torch.__version__ >= '2.6':
        return torch.load(filename, map_location=map_location)
    from . import restricted_pickle
    return torch.load(
        filename, map_location=map_location, pickle_module=restricted_pickle)


@contextmanager
def _one_line_errors(source: str) -> Iterator[None]:
    """Say in one line why a path or an address could not be read."""
    try:
        yield
    # without the chain: PyTorch's text advises to run the code
    except (URLError, HTTPException) as error:
        raise UnreachableCheckpoint('checkpoint could not be downloaded from '
                                    f'{_cut(repr(source))}: '
                                    f'{_cut(str(error))}') from None
    except DAMAGED as error:
        problem = _problem_of_error(error)
        if (not isinstance(error, OSError) and osp.isfile(source)
                and not is_of_torch_save(source)):
            problem = 'torch.save did not write it'
        raise UnreadableCheckpoint(
            'checkpoint must be a file of torch.save that holds tensors and '
            f'plain data, but got {_cut(repr(source))}: {problem}') from None


def _problem_of_error(error: Exception) -> str:
    """One line that says why a file could not be read."""
    text = str(error)
    if 'TorchScript' in text:
        return 'it carries code, a TorchScript program'
    if isinstance(error, InspectionError):
        return f'it holds {_cut(text)}'
    code = re.search(r'GLOBAL (\S+)', text)
    if code:
        return (f'it carries code, a call of {_cut(code[1])}; save the '
                'state_dict of its model instead')
    # PyTorch's own words follow its advice to switch the protection off
    text = text.rpartition('WeightsUnpickler error:')[2]
    lines = text.strip().splitlines() or [type(error).__name__]
    return f'it cannot be read ({_cut(lines[0])})'


def _cut(text: str) -> str:
    """Leave out the middle of a text that is too long."""
    return text if len(text) <= 500 else f'{text[:200]}...{text[-297:]}'
