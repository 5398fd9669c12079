"""Refuses a file that is no checkpoint, or that carries code, in one line.

MMEngine hands a file to ``torch.load`` as it comes. What a wrong file raises
then differs from file to file, and the advice of PyTorch is to switch its
protection off. Below PyTorch 2.6, and for downloads in any version, the
protection is off by default.

Upstream: open-mmlab/mmengine issue 1655.
Delete when: MMEngine reads every checkpoint with ``weights_only=True`` and
names the file it could not read.
"""
import os.path as osp
import pickle
import re
from typing import Any, Callable, Optional, Union
from urllib.parse import urlparse

import torch

MapLocation = Union[str, torch.device, dict, Callable, None]
_ZIP = b'PK\x03\x04'
# how torch.save began a file before PyTorch 1.6
_LEGACY = b'l\xfc\x9cF\xf9 j\xa8P\x19'
# what torch.load raises on damaged files
_ERRORS = (pickle.UnpicklingError, EOFError, RuntimeError, ValueError,
           KeyError, IndexError, TypeError, AttributeError)


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
    """Load a checkpoint from a path.

    Args:
        filename (str): Path of the checkpoint.
        map_location (str, optional): As in :func:`torch.load`. Defaults to
            None.

    Returns:
        dict: The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, is damaged or carries code.
    """
    filename = osp.expanduser(filename)
    if not osp.isfile(filename):
        raise FileNotFoundError(f'there is no checkpoint at {filename!r}')
    problem = None
    try:
        checkpoint = _read(filename, map_location)
        problem = _problem_of_content(checkpoint)
    except _ERRORS as error:
        problem = _problem_of_error(error)
    if problem is not None:
        # without the chain: PyTorch's text advises to run the code
        raise ValueError(
            'checkpoint must be a file of torch.save that holds a dict of '
            f'tensors and plain data, but got {filename!r}: {problem}')
    return checkpoint


def load_url(url: str,
             model_dir: Optional[str] = None,
             map_location: MapLocation = None,
             progress: bool = True) -> Any:
    """Download a checkpoint, unless it is there, and load it.

    Args:
        url (str): Where it is.
        model_dir (str, optional): Folder to save it in. Defaults to None,
            the one of ``torch.hub``.
        map_location (str, optional): As in :func:`torch.load`. Defaults to
            None.
        progress (bool): Whether to draw a progress bar. Defaults to True.

    Returns:
        dict: The checkpoint.
    """
    folder = model_dir or osp.join(torch.hub.get_dir(), 'checkpoints')
    path = osp.join(folder, osp.basename(urlparse(url).path))
    if not osp.isfile(path):
        from mmengine.utils import mkdir_or_exist
        mkdir_or_exist(folder)
        torch.hub.download_url_to_file(url, path, progress=progress)
    return load_from_local(path, map_location)


def _read(filename: str, map_location: MapLocation) -> Any:
    """Read a file as data."""
    with open(filename, 'rb') as file:
        head = file.read(32)
    if not head.startswith(_ZIP) and _LEGACY not in head:
        raise ValueError('torch.save did not write it')
    if hasattr(torch.serialization, 'add_safe_globals'):
        return torch.load(
            filename, map_location=map_location, weights_only=True)
    from . import restricted_pickle
    return torch.load(
        filename, map_location=map_location, pickle_module=restricted_pickle)


def _problem_of_error(error: Exception) -> str:
    """One line that says why a file could not be read."""
    text = str(error)
    code = re.search(r'GLOBAL (\S+)', text)
    if code:
        return (f'it carries code, a call of {code[1]}; save the '
                'state_dict of its model instead')
    if 'TorchScript' in text:
        return 'it carries code, a TorchScript program'
    if isinstance(error, ValueError):
        return text
    lines = text.strip().splitlines() or [type(error).__name__]
    return f'it cannot be read ({lines[0]})'


def _problem_of_content(checkpoint: Any) -> Optional[str]:
    """One line that says what a checkpoint lacks, None if nothing."""
    if not isinstance(checkpoint, dict):
        return f'it holds a {type(checkpoint).__name__}'
    if not _has_tensor(checkpoint):
        return 'it holds no tensor'
    return None


def _has_tensor(value: Any) -> bool:
    """Whether a tensor lies anywhere in nested dicts."""
    if isinstance(value, dict):
        return any(_has_tensor(each) for each in value.values())
    return isinstance(value, torch.Tensor)
