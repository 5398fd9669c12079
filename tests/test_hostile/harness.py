"""What may happen when a wrong file is read, and what may not.

Allowed are a result, and one clear exception that names the file. A raw error
of a library, a run longer than 10 seconds, code, another process, a
connection, and a file written, removed or read outside of the given folder
are not.
"""
import os
import os.path as osp
import random
import signal
import sys
import tempfile
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Callable, Iterator, List, Optional, Sequence

#: Seconds that one case may last.
LIMIT = 10
#: Most characters of a message.
MAX_MESSAGE = 2000
_CLEAR = (ValueError, TypeError, FileNotFoundError, FileExistsError)
_PROCESSES = ('os.system', 'os.exec', 'os.posix_spawn', 'os.spawn', 'os.fork',
              'subprocess.Popen', 'pty.spawn')
_CHANGES = ('os.remove', 'os.rename', 'os.rmdir', 'os.mkdir', 'os.link',
            'os.symlink', 'os.truncate', 'os.chmod', 'shutil.rmtree',
            'shutil.move')
_watches: List['_Watch'] = []


def seeds(name: str, number: int) -> Iterator[random.Random]:
    """Generators of cases, the same on every machine.

    Args:
        name (str): Of the test.
        number (int): How many.

    Yields:
        random.Random: Seeded with the name and the number of the case.
    """
    for case in range(number):
        yield random.Random(f'{name} {case}')


def check_case(
    read: Callable[[], Any],
    folder: Any,
    names: Sequence[str] = (),
    allow: Sequence[type] = (),
    ignore: Sequence[str] = ()
) -> Optional[Exception]:
    """Read a wrong input, and assert that only what is allowed happens.

    Args:
        read (Callable): Reads it.
        folder (Path | str): The only one that may be written to. Files that
            hold data (.json, .npy and so on) may be read in no other.
        names (Sequence[str]): Parts of names, one of which an error must
            hold.
        allow (Sequence[type]): Further exceptions that are clear.
        ignore (Sequence[str]): Parts of deeds that are in order.

    Returns:
        Exception, optional: What was raised; None if it was read.
    """
    try:
        with watch(folder) as deeds, time_limit():
            read()
        error = None
    except Exception as raised:
        error = raised
    deeds = [
        deed for deed in deeds if not any(part in deed for part in ignore)
    ]
    assert not deeds, deeds
    if error is None:
        return None
    assert not isinstance(error, TimeoutError), error
    cls, text = type(error), str(error)
    is_clear = (
        cls in _CLEAR or cls in allow
        or cls.__module__.startswith('dyfadet_mm.'))
    if not is_clear:
        raise AssertionError(f'raw error: {error!r}') from error
    assert len(text) <= MAX_MESSAGE, f'{len(text)} characters: {text[:300]}'
    assert not names or any(name in text
                            for name in names), (f'names no file: {error!r}')
    return error


@contextmanager
def time_limit(seconds: int = LIMIT) -> Iterator[None]:
    """Raise TimeoutError where something takes too long."""

    def stop(*_) -> None:
        raise TimeoutError(f'not ended after {seconds} s')

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def watch(folder: Any) -> Iterator[List[str]]:
    """Note what the Python process does outside of a folder.

    Args:
        folder (Path | str): The folder.

    Yields:
        list[str]: One line for every process, connection and forbidden
        access; filled until the end of the block.
    """
    _listen()
    entry = _Watch(osp.realpath(folder))
    _watches.append(entry)
    try:
        yield entry.deeds
    finally:
        _watches.remove(entry)


class _Watch:
    """What is noted while a block runs."""

    # temporary files of libraries lie there
    free = (osp.realpath(tempfile.gettempdir()) + osp.sep, '/dev/', '/proc/')
    data = ('.json', '.npy', '.npz', '.pth', '.pt', '.pkl', '.h5', '.hdf5',
            '.csv', '.txt', 'passwd')

    def __init__(self, folder: str) -> None:
        self.folder = folder + osp.sep
        self.deeds: List[str] = []

    def note(self, event: str, args: tuple) -> None:
        """Take down an audit event of Python, if it is forbidden."""
        if event == 'open':
            path, _, flags = args
            if not isinstance(path, (str, bytes)):
                return  # a file descriptor
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            reads = os.fsdecode(path).endswith(self.data)
            if (writes or reads) and not self._is_inside(path):
                self.deeds.append(f'{event} {path!r} with flags {flags:#o}')
        elif event in _CHANGES:
            paths = [each for each in args if isinstance(each, (str, bytes))]
            if not all(map(self._is_inside, paths)):
                self.deeds.append(f'{event} {args!r}')
        elif event in _PROCESSES or event == 'socket.connect':
            self.deeds.append(f'{event} {args!r}')

    def _is_inside(self, path: Any) -> bool:
        """Whether a path leads into the folder."""
        path = osp.realpath(os.fsdecode(path)) + osp.sep
        if path.startswith(self.folder) or '/__pycache__/' in path:
            return True
        within_tests = self.folder.startswith(self.free[0])
        return path.startswith(self.free[1:] if within_tests else self.free)


@lru_cache(maxsize=None)
def _listen() -> None:
    """Have audit events noted from now on; they cannot be left again."""

    def audit(event: str, args: tuple) -> None:
        for entry in _watches:
            entry.note(event, args)

    sys.addaudithook(audit)
