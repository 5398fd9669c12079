"""Refuses a file that cannot be read as data, in one line.

MMEngine hands a file to ``torch.load`` as it comes. What a wrong file raises
then differs from file to file, and the advice of PyTorch is to switch its
protection off. Below PyTorch 2.6, and for downloads in any version, the
protection is off by default. What ``torch.load`` reads as data is handed on as
MMEngine would, whatever it is.

Upstream: open-mmlab/mmengine issue 1655.
Delete when: MMEngine reads every checkpoint with ``weights_only=True`` and
names the file it could not read.
"""
import os
import os.path as osp
import pickle
import re
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Optional, Union
from urllib.parse import urlparse

import torch

MapLocation = Union[str, torch.device, dict, Callable, None]
_ZIP = b'PK\x03\x04'
# how torch.save began a file before PyTorch 1.6
_LEGACY = b'l\xfc\x9cF\xf9 j\xa8P\x19'
# what torch.load raises on damaged files
_ERRORS = (pickle.UnpicklingError, EOFError, RuntimeError, ValueError,
           KeyError, IndexError, TypeError, AttributeError)


class UnreadableCheckpoint(ValueError, RuntimeError, pickle.UnpicklingError):
    """A file cannot be read as data.

    It is also what ``torch.load`` raises, for those who catch that.
    """


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
        raise FileNotFoundError(f'there is no checkpoint at {filename!r}')
    with _one_line_errors(filename):
        return _read(filename, map_location)


def load_url(url: str,
             model_dir: Optional[str] = None,
             map_location: MapLocation = None,
             *args,
             **kwargs) -> Any:
    """Download a checkpoint, unless it is there, and load it.

    Args:
        url (str): Where it is.
        model_dir (str, optional): Folder to save it in. Defaults to None,
            the one of ``torch.hub``.
        map_location (str, optional): As in :func:`torch.load`. Defaults to
            None.
        args, kwargs: What else ``torch.hub.load_state_dict_from_url`` takes.

    Returns:
        Any: What the file holds.

    Raises:
        UnreadableCheckpoint: As in :func:`load_from_local`.
    """
    if hasattr(torch.serialization, 'add_safe_globals'):
        kwargs.setdefault('weights_only', True)
        with _one_line_errors(url):
            return torch.hub.load_state_dict_from_url(url, model_dir,
                                                      map_location, *args,
                                                      **kwargs)
    folder = model_dir or osp.join(torch.hub.get_dir(), 'checkpoints')
    path = osp.join(folder, osp.basename(urlparse(url).path))
    if not osp.isfile(path):
        os.makedirs(folder, exist_ok=True)
        torch.hub.download_url_to_file(url, path, *args)
    return load_from_local(path, map_location)


def _read(filename: str, map_location: MapLocation) -> Any:
    """Read a file as data."""
    if torch.__version__ >= '2.6':
        return torch.load(filename, map_location=map_location)
    if hasattr(torch.serialization, 'add_safe_globals'):
        return torch.load(
            filename, map_location=map_location, weights_only=True)
    from . import restricted_pickle
    return torch.load(
        filename, map_location=map_location, pickle_module=restricted_pickle)


@contextmanager
def _one_line_errors(source: str) -> Iterator[None]:
    """Say in one line why a path or an address could not be read."""
    try:
        yield
    except _ERRORS as error:
        problem = _problem_of_error(error)
        if osp.isfile(source) and not _is_of_torch_save(source):
            problem = 'torch.save did not write it'
        # without the chain: PyTorch's text advises to run the code
        raise UnreadableCheckpoint(
            'checkpoint must be a file of torch.save that holds tensors and '
            f'plain data, but got {source!r}: {problem}') from None


def _is_of_torch_save(filename: str) -> bool:
    """Whether a file begins like those of ``torch.save``."""
    with open(filename, 'rb') as file:
        start = file.read(32)
    return start.startswith(_ZIP) or _LEGACY in start


def _problem_of_error(error: Exception) -> str:
    """One line that says why a file could not be read."""
    text = str(error)
    code = re.search(r'GLOBAL (\S+)', text)
    if code:
        return (f'it carries code, a call of {code[1]}; save the '
                'state_dict of its model instead')
    if 'TorchScript' in text:
        return 'it carries code, a TorchScript program'
    lines = text.strip().splitlines() or [type(error).__name__]
    return f'it cannot be read ({lines[0]})'
