"""Writing of files that are complete or not there at all."""
import errno
import fnmatch
import json
import os
import os.path as osp
import shutil
import uuid
from contextlib import contextmanager, suppress
from typing import Any, Iterator

PART = '.part'
# of a name, which leaves room for the rest within 255
MAX_BYTES = 200
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class WriteError(OSError):
    """A file cannot be written; what was there before is as it was."""


@contextmanager
def atomic_path(path: str, suffix: str = '') -> Iterator[str]:
    """Write a file under another name, which it leaves when it is complete.

    The file at ``path`` is replaced in one step after all was written and
    reached the disk. Until then, and for good if the block fails or the
    process is killed, it stays as it was. As with :func:`open`, what a
    symbolic link leads to is written and the link stays, and the permissions
    of a file that is replaced are kept.

    .. code-block:: python

        with atomic_path('results.json') as part, open(part, 'w') as file:
            json.dump(results, file)

    Args:
        path (str): The file; missing folders are made.
        suffix (str): What the other name ends in, for libraries that look at
            it. Defaults to ''.

    Yields:
        str: Where to write, ``.NAME.RANDOM.part`` in the same folder. It is
        removed if the block fails; for what a killed process leaves, see
        :func:`remove_parts`.

    Raises:
        WriteError: If the file cannot be written, as where the disk is full.
    """
    target = check_writable(path)
    folder, name = osp.split(target)
    name = os.fsdecode(os.fsencode(name)[:MAX_BYTES])
    part = osp.join(folder, f'.{name}.{uuid.uuid4().hex[:12]}{PART}{suffix}')
    try:
        os.makedirs(folder, exist_ok=True)
        yield part
        with open(part, 'rb+') as file:
            os.fsync(file.fileno())
        if osp.exists(target):
            with suppress(OSError):  # some file systems have no permissions
                shutil.copymode(target, part)
        os.replace(part, target)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise WriteError(f'{str(path)!r} could not be written '
                         f'({os.strerror(error.errno)}), and is as it was; '
                         'make room and run again') from error
    finally:
        with suppress(FileNotFoundError):
            os.remove(part)


def save_json(path: str, content: Any, **kwargs) -> None:
    """Write a JSON file, completely or not at all.

    Args:
        path (str): The file; an old one is replaced.
        content (Any): What it holds.
        kwargs: Other arguments of :func:`json.dump`.

    Raises:
        WriteError: As of :func:`atomic_path`.
    """
    with atomic_path(path) as part, open(part, 'w', encoding='utf-8') as file:
        json.dump(content, file, **kwargs)


def check_writable(path: str, what: str = 'a file to write') -> str:
    """Refuse a file that cannot be written, before hours of work.

    Args:
        path (str): The file.
        what (str): What names it in the error. Defaults to 'a file to write'.

    Returns:
        str: The file itself, where ``path`` is a symbolic link.

    Raises:
        WriteError: If it is a folder or a device, it or its folder is
            read-only, or there cannot be such a folder or name.
    """
    try:
        target = osp.realpath(path)
        _probe(target)
    except (OSError, ValueError) as error:
        reason = getattr(error, 'strerror', None) or error
        raise WriteError(f'{what} must be one that can be written, but got '
                         f'{str(path)[:300]!r} ({reason}); choose another '
                         'name or folder') from error
    return target


def _probe(target: str) -> None:
    """Raise what writing a file would raise, and leave nothing."""
    if osp.isdir(target):
        raise IsADirectoryError(errno.EISDIR, 'is a folder')
    if osp.lexists(target) and not osp.isfile(target):
        raise OSError(errno.EINVAL, 'is no regular file')
    if osp.isfile(target) and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, 'is read-only')
    folder, name = osp.split(target)
    names = [target, name]
    while not osp.lexists(folder):
        folder, name = osp.split(folder)
        names.append(name)
    for name in names:  # of these, any may be too long
        with suppress(FileNotFoundError):
            os.stat(osp.join(folder, name))
    # permissions say little, to root and on network drives
    probe = osp.join(folder, f'.probe.{uuid.uuid4().hex[:12]}{PART}')
    os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    os.remove(probe)


def remove_parts(folder: str, pattern: str = '*') -> None:
    """Remove what killed processes left of :func:`atomic_path`.

    Only who has the folder for itself may do so, see :class:`FolderLock`.

    Args:
        folder (str): The folder.
        pattern (str): Which names were to be written, as in ``'*.pth'``.
            Defaults to all.
    """
    for name in os.listdir(folder):
        if fnmatch.fnmatchcase(name, f'.{pattern}.????????????{PART}*'):
            with suppress(FileNotFoundError):
                os.remove(osp.join(folder, name))
