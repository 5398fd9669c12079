"""One process at a time in a folder, or with a file."""
import errno
import json
import logging
import os
import os.path as osp
import socket
import time
from contextlib import suppress
from typing import Any, Optional

from filelock import FileLock, Timeout
from mmengine.logging import print_log

from .atomic import WriteError, save_json

# what file systems without locks answer
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
# seconds that the loaders of a killed process need to see that it is gone
_PATIENCE = 15


class InUseError(OSError):
    """Another process uses a folder or a file."""


class FolderLock:
    """Keeps other processes away from a folder or a file.

    It is a lock of the operating system on ``FOLDER/.lock``, or on
    ``.NAME.lock`` beside a file, so that it ends with the process, however
    that ends. While it is held, ``.lock.owner`` beside it says by whom. Of
    several processes that work together the first one takes it.
    Where a file system has no locks there is a warning instead.

    .. code-block:: python

        with FolderLock(work_dir, 'tools/train.py'):
            ...

    Args:
        path (str): The folder, which is made if it is missing, or the file.
        purpose (str): Who takes it, for the message that others get.
        is_file (bool): Whether ``path`` is a file, or is to be locked like
            one, from outside. Defaults to False.
    """

    def __init__(self, path: str, purpose: str, is_file: bool = False) -> None:
        self.path = str(path)
        self.purpose = purpose
        folder, name = osp.split(osp.realpath(path))
        self._lock_file = osp.join(
            folder, f'.{name}.lock' if is_file else f'{name}/.lock')
        self._owner_file = f'{self._lock_file}.owner'
        self._lock: Optional[FileLock] = None

    def acquire(self) -> 'FolderLock':
        """Take the lock, or refuse at once.

        Returns:
            FolderLock: This one.

        Raises:
            InUseError: If another process has it. The error names it.
            WriteError: If the folder cannot be written to.
        """
        folder = osp.dirname(self._lock_file)
        try:
            os.makedirs(folder, exist_ok=True)
            self._lock = self._take(FileLock(self._lock_file))
        except Timeout:
            raise InUseError(
                f'{self.path!r} is in use by another process'
                f'{_describe(self._read_owner())}; wait for its end, or '
                'choose another name') from None
        except (NotImplementedError, OSError) as error:
            if getattr(error, 'errno', errno.ENOSYS) not in _NO_LOCKS:
                raise WriteError(
                    f'{self.path!r} must be in a folder that can be written '
                    f'to, but got {error}; choose another') from error
            print_log(
                f'{self.path!r} lies on a file system without locks; take '
                'care that no other process uses it',
                'current',
                level=logging.WARNING)
            return self
        self._write_owner()
        return self

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._lock is not None:
            for path in (self._owner_file, self._lock_file):
                with suppress(OSError):
                    os.remove(path)
            self._lock.release()
            self._lock = None

    def __enter__(self) -> 'FolderLock':
        return self.acquire()

    def __exit__(self, *_: Any) -> None:
        self.release()

    def _take(self, lock: FileLock) -> FileLock:
        """Take the lock, and wait only for what a killed process left."""
        try:
            lock.acquire(timeout=0)
        except Timeout:
            # processes that it forked hold the lock until they see its end
            if _is_alive(self._read_owner()):
                raise
            lock.acquire(timeout=_PATIENCE)
        return lock

    def _write_owner(self) -> None:
        """Say who holds the lock, or give it back."""
        owner = dict(
            pid=os.getpid(),
            host=socket.gethostname(),
            purpose=self.purpose,
            since=time.strftime('%Y-%m-%d %H:%M:%S'))
        try:
            save_json(self._owner_file, owner)
        except BaseException:
            self.release()
            raise

    def _read_owner(self) -> dict:
        """Who holds the lock, as far as it said so."""
        for _ in range(10):  # it writes this after it took the lock
            with suppress(OSError, ValueError, RecursionError):
                with open(self._owner_file, encoding='utf-8') as file:
                    owner = json.load(file)
                return owner if isinstance(owner, dict) else {}
            time.sleep(0.05)
        return {}


def _describe(owner: dict) -> str:
    """A process in words, behind a comma; nothing where it is unknown."""
    if not owner:
        return ''
    pid, host, purpose, since = (
        str(owner.get(key))[:80]
        for key in ('pid', 'host', 'purpose', 'since'))
    return f', pid {pid} on {host} ({purpose}, since {since})'


def _is_alive(owner: dict) -> bool:
    """Whether a process may live; those of other hosts do."""
    pid = owner.get('pid')
    if owner.get('host') != socket.gethostname() or not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError) as error:
        return not isinstance(error, ProcessLookupError)
    return True
