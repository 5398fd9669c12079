"""Where the zoo's checkpoints come from, and where they are kept.

Everything lies in ``dyfadet_mm`` below MMEngine's cache (``$MMENGINE_HOME``,
by default ``~/.cache/mmengine``):

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
from dyfadet_mm.utils.weights import check_weights
from dyfadet_mm.version import __version__
from . import PREFIX
from .download import download, remove
from .table import ADDRESSES, TABLE, Weights, find

#: Environment variable with the address of a folder that holds the published
#: files as ``NAME.pth``, to be used in the place of their own addresses.
MIRROR = 'DYFADET_MM_MIRROR'


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
    """
    from filelock import FileLock
    entry = find(name)
    if entry.url is None:
        return osp.join(osp.dirname(osp.abspath(__file__)), f'{name}.pth')
    folder = cache_dir()
    path = osp.join(folder, f'{name}.pth')
    if not osp.isfile(path):
        os.makedirs(osp.join(folder, 'downloads'), exist_ok=True)
        with FileLock(f'{path}.lock'):
            if not osp.isfile(path):
                _provide(name, entry, path)
    return path


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
    if 'state_dict_ema' not in checkpoint:
        raise ValueError(f"{path!r} must hold 'state_dict_ema', as checkpoints"
                         ' of the published code and of OpenTAD do, but holds '
                         f'{sorted(map(str, checkpoint))}')
    try:
        weights = convert_state_dict(checkpoint['state_dict_ema'])
    except KeyError as error:
        raise ValueError(f'{path!r} must hold the weights of a DyFADet, but '
                         f'{error.args[0]}') from error
    return dict(meta=dict(dyfadet_mm_version=__version__), state_dict=weights)


def _provide(name: str, entry: Weights, path: str) -> None:
    """Write a checkpoint that is not in the cache."""
    by_hand = osp.join(osp.dirname(path), 'downloads', osp.basename(path))
    if osp.isfile(by_hand):
        _convert(entry, by_hand, path)
        return
    part, url = f'{by_hand}.part', _address(name, entry)
    print_log(f'Downloading {PREFIX}{name} from {url}', logger='current')
    try:
        download(url, part)
    except ConnectionError as error:
        raise ConnectionError(
            f'{PREFIX}{name} could not be downloaded ({error}). Fetch {url} '
            f'by hand, save the file as {by_hand} and run again; {MIRROR} may '
            'name a folder on another server') from None
    try:
        _convert(entry, part, path)
    except ValueError as error:
        raise ValueError(f'{url} did not give {PREFIX}{name}, and nothing of '
                         f'it was kept: {error}') from None
    finally:
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
    checkpoint['meta'].update(source=entry.source, config=entry.config)
    try:
        torch.save(checkpoint, f'{path}.tmp')
        os.replace(f'{path}.tmp', path)
    finally:
        remove(f'{path}.tmp')


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
