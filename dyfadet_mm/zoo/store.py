"""Where the zoo's checkpoints come from, and where they are kept.

Everything lies in ``dyfadet_mm`` below MMEngine's cache (``$MMENGINE_HOME``,
by default ``~/.cache/mmengine``). Links there are read and never written:

============================ ===============================================
``NAME.pth``                 ready to be loaded; written in one step, after
                             the download was verified and converted
``downloads/NAME.pth``       put there by hand, where there is no network
``downloads/NAME.pth.part``  what a download has brought so far, trusted by
                             nobody
============================ ===============================================
"""
import hashlib
import os
import os.path as osp
from typing import Optional

import torch
from mmengine.logging import print_log

from dyfadet_mm.compat.checkpoint_loader import MapLocation, load_from_local
from dyfadet_mm.conversion import convert_state_dict
from dyfadet_mm.fileio import WriteError, atomic_path, brief, remove_parts
from dyfadet_mm.fileio.messages import cut
from dyfadet_mm.utils.weights import check_weights
from dyfadet_mm.version import __version__
from . import PREFIX
from .download import download, remove, remove_links
from .table import ADDRESSES, TABLE, Weights, find

#: Environment variable with the address of a folder that holds the published
#: files as ``NAME.pth``, to be used in the place of their own addresses.
MIRROR = 'DYFADET_MM_MIRROR'
#: Most bytes to download where the table does not know the size. The largest
#: published file has about 3.1 GB: weights, their average and the optimizer.
MAX_BYTES = 2**32
# a running mean, which the published code does not save
_NORMALIZER = 'head.loss_normalizer.value'


def load(filename: str, map_location: MapLocation = None) -> dict:
    """Load a checkpoint, see :func:`dyfadet_mm.zoo.load_from_dyfadet`."""
    name = ADDRESSES.get(filename) or filename[len(PREFIX):].rstrip('/')
    if name not in TABLE and osp.isfile(osp.expanduser(name)):
        return read_published(osp.expanduser(name), map_location)
    return load_from_local(fetch(name), map_location)


def fetch(name: str) -> str:
    """Make sure that a checkpoint is on this machine.

    Several processes may ask for the same one: the first downloads it, the
    others wait.

    Args:
        name (str): Name in the table.

    Returns:
        str: Its path, with the names of this package.

    Raises:
        ConnectionError: If it cannot be downloaded. The error says how to
            fetch it by hand.
        ValueError: If there is no such name, or what was downloaded is not
            the checkpoint.
        WriteError: If the cache cannot be written.
    """
    entry = find(name)
    if entry.url is None:
        return osp.join(osp.dirname(osp.abspath(__file__)), f'{name}.pth')
    try:
        return _fetch(name, entry)
    except (ConnectionError, WriteError):
        raise
    except OSError as error:
        raise WriteError(f'{PREFIX}{name} must be saved in a folder that can '
                         f'be written, but got {error}; set MMENGINE_HOME to '
                         'another one') from error


def cache_dir() -> str:
    """The folder of the zoo in MMEngine's cache."""
    from mmengine.runner.checkpoint import _get_mmengine_home
    return osp.join(_get_mmengine_home(), 'dyfadet_mm')


def read_published(path: str, map_location: MapLocation = None) -> dict:
    """Read a checkpoint of the published code or of OpenTAD.

    Args:
        path (str): The file.
        map_location (str, optional): As in :func:`torch.load`. Defaults to
            None.

    Returns:
        dict: A checkpoint with the averaged weights, which those code bases
        evaluate, under the names of this package.

    Raises:
        ValueError: If it is no such file.
    """
    checkpoint = load_from_local(path, map_location)
    check_weights(checkpoint, path)
    published = checkpoint.get('state_dict_ema')
    if not isinstance(published, dict):
        raise ValueError(f"{path!r} must hold 'state_dict_ema', as checkpoints"
                         ' of the published code and of OpenTAD do, but holds '
                         f'{brief(sorted(map(str, checkpoint)))}')
    try:
        weights = convert_state_dict(published)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(f'{path!r} must hold the weights of a DyFADet, but '
                         f'{cut(str(error.args[0]))}') from error
    return dict(meta=dict(dyfadet_mm_version=__version__), state_dict=weights)


def _fetch(name: str, entry: Weights) -> str:
    """Make sure that a checkpoint is in the cache, one process at a time."""
    from filelock import FileLock
    path = osp.join(cache_dir(), f'{name}.pth')
    if not osp.isfile(path):
        os.makedirs(osp.join(cache_dir(), 'downloads'), exist_ok=True)
        remove_links(f'{path}.lock')
        with FileLock(f'{path}.lock'):
            if not osp.isfile(path):
                _provide(name, entry, path)
    return path


def _provide(name: str, entry: Weights, path: str) -> None:
    """Write a checkpoint that is not in the cache."""
    by_hand = osp.join(osp.dirname(path), 'downloads', osp.basename(path))
    if osp.isfile(by_hand):
        _convert(entry, by_hand, path)
        return
    part, url = f'{by_hand}.part', _address(name, entry)
    print_log(f'Downloading {PREFIX}{name} from {url}', logger='current')
    try:
        download(url, part, entry.size or MAX_BYTES)
        _convert(entry, part, path)
    except ConnectionError as error:
        raise ConnectionError(
            f'{PREFIX}{name} could not be downloaded ({error}). Fetch {url} '
            f'by hand, save the file as {by_hand} and run again; {MIRROR} may '
            'name a folder on another server') from None
    except ValueError as error:
        remove(part)
        raise ValueError(f'{url} did not give {PREFIX}{name}, and nothing of '
                         f'it was kept: {error}') from None
    remove(part)


def _address(name: str, entry: Weights) -> str:
    """Where to download from."""
    mirror = os.environ.get(MIRROR)
    return f'{mirror.rstrip("/")}/{name}.pth' if mirror else entry.url


def _convert(entry: Weights, source: str, path: str) -> None:
    """Verify a published file and write it anew with our names."""
    problem = _difference(entry, source)
    if problem is not None:
        raise ValueError(f'{source!r} is not the file that {entry.source} '
                         f'published: {problem}')
    checkpoint = read_published(source, 'cpu')
    _check_complete(entry, checkpoint['state_dict'], source)
    checkpoint['meta'].update(source=entry.source, config=entry.config)
    remove_links(path)
    remove_parts(osp.dirname(path), osp.basename(path))
    with atomic_path(path) as part, open(part, 'wb') as file:
        torch.save(checkpoint, file)


def _check_complete(entry: Weights, weights: dict, source: str) -> None:
    """Check that all weights are there."""
    number = len(weights.keys() - {_NORMALIZER})
    if number != entry.num_weights:
        raise ValueError(f'{source!r} must hold the {entry.num_weights} '
                         f'weights of {entry.config}, but holds {number}')


def _difference(entry: Weights, path: str) -> Optional[str]:
    """How a file differs from what is known of it, None if it does not."""
    size = osp.getsize(path)
    if entry.size not in (None, size):
        return f'it has {size} bytes, not {entry.size}'
    if entry.sha256 is not None:
        digest = hashlib.sha256()
        with open(path, 'rb') as file:
            for chunk in iter(lambda: file.read(1 << 20), b''):
                digest.update(chunk)
        if digest.hexdigest() != entry.sha256:
            return f'its sha256 is {digest.hexdigest()}, not {entry.sha256}'
    return None
