"""Who trains in a folder."""
import os
import os.path as osp
from typing import Dict, Tuple

from dyfadet_mm.fileio import FolderLock

# by path and process, since a forked one does not hold what it inherits
_held: Dict[Tuple[str, int], FolderLock] = {}


def hold_work_dir(work_dir: str) -> None:
    """Keep other trainings away, until this process or its training ends.

    Args:
        work_dir (str): The folder.

    Raises:
        InUseError: If another process trains there.
    """
    key = osp.realpath(work_dir), os.getpid()
    if key not in _held:
        _held[key] = FolderLock(work_dir, 'a training').acquire()


def release_work_dir(work_dir: str) -> None:
    """Let other trainings in.

    Args:
        work_dir (str): The folder.
    """
    lock = _held.pop((osp.realpath(work_dir), os.getpid()), None)
    if lock is not None:
        lock.release()
