import os
from pathlib import Path
from typing import Union

from mmengine.fileio import LocalBackend, register_backend

from .atomic import atomic_path

_CHUNK = 1 << 23


class AtomicLocalBackend(LocalBackend):
    """MMEngine's backend of local files, which are complete or not there."""

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        """Write a file under another name, and move it to its place.

        Args:
            obj (bytes): Content.
            filepath (Path | str): The file.

        Raises:
            WriteError: If it cannot be written. What was there before is
                unchanged.
        """
        content = memoryview(obj)
        with atomic_path(str(filepath)) as part, open(part, 'wb') as file:
            for start in range(0, len(content), _CHUNK):
                file.write(content[start:start + _CHUNK])
                # the disk begins now, so that less is left to wait for
                if hasattr(os, 'posix_fadvise'):
                    os.posix_fadvise(file.fileno(), 0, start,
                                     os.POSIX_FADV_DONTNEED)


# the name by which backend_args of MMEngine's functions choose it
register_backend('AtomicLocalBackend', AtomicLocalBackend, force=True)
