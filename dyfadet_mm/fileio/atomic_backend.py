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

    def put_text(self,
                 obj: str,
                 filepath: Union[str, Path],
                 encoding: str = 'utf-8') -> None:
        """Write a text as :meth:`put` does.

        Args:
            obj (str): Content.
            filepath (Path | str): The file.
            encoding (str): Its encoding. Defaults to 'utf-8'.
        """
        self.put(obj.encode(encoding), filepath)


# the name by which backend_args of MMEngine's functions choose it
register_backend('AtomicLocalBackend', AtomicLocalBackend, force=True)
