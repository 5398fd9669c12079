"""Files that a person gets."""
import os.path as osp

from dyfadet_mm.fileio import check_writable


def check_new(path: str, overwrite: bool) -> None:
    """Refuse to replace a file that nobody said may be replaced.

    Args:
        path (str): File to write.
        overwrite (bool): Whether an old one may be replaced.

    Raises:
        FileExistsError: If there is one and it may not.
        WriteError: If no file can be written there.
    """
    check_writable(path)
    if not overwrite and osp.lexists(path):
        raise FileExistsError(
            f'file to write must be new, but got {str(path)!r}; choose '
            'another name, or set overwrite=True (--force)')
