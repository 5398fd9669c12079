"""Whole files of users, from a local disk or another storage."""
import os.path as osp
from http.client import HTTPException
from typing import Any, List, Optional
from urllib.error import HTTPError

from mmengine import fileio


class UnreadableFileError(OSError, ValueError):
    """There is a file, but it cannot be read."""


def check_regular(path: str) -> None:
    """Refuse pipes and devices, of which the end may never come.

    Symbolic links are followed: where data lie is up to their owner.

    Args:
        path (str): Local path, or a URI, which passes.

    Raises:
        OSError: If it is one.
    """
    if osp.exists(path) and not (osp.isfile(path) or osp.isdir(path)):
        raise OSError('it is a pipe or device')


def backend_of(path: str, backend_args: Optional[dict] = None) -> Any:
    """What reads a file, as MMEngine chooses it.

    Args:
        path (str): Local path or URI.
        backend_args (dict, optional): MMEngine's file backend. Defaults to
            None, chosen by the prefix of ``path``.

    Returns:
        BaseStorageBackend: The backend.

    Raises:
        UnreadableFileError: If MMEngine knows none.
    """
    try:
        return fileio.get_file_backend(
            path, backend_args=backend_args, enable_singleton=True)
    except KeyError as error:
        raise UnreadableFileError(
            f'{path!r} must be a local path, or an address such as http:// '
            f'or s3://, but MMEngine knows no {error}') from error


def fetch(path: str, backend_args: Optional[dict] = None) -> bytes:
    """Get the content of a file.

    Args:
        path (str): Local path or URI.
        backend_args (dict, optional): As in :func:`backend_of`.

    Returns:
        bytes: All of it.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it cannot be read for another reason.
    """
    check_regular(path)
    try:
        return backend_of(path, backend_args).get(path)
    except HTTPError as error:
        if error.code == 404:
            raise FileNotFoundError(path) from error
        raise
    except (HTTPException, ValueError) as error:
        if isinstance(error, UnreadableFileError):
            raise
        # an address or a name that no file can have
        raise OSError(str(error)) from error


def read_bytes(path: str,
               kind: str,
               remedy: str,
               backend_args: Optional[dict] = None) -> bytes:
    """Read a file that a user has named.

    Args:
        path (str): Local path or URI.
        kind (str): What it is, such as ``'annotation file'``.
        remedy (str): What to do if it is not there.
        backend_args (dict, optional): As in :func:`fetch`.

    Returns:
        bytes: All of it.

    Raises:
        FileNotFoundError: If there is no such file.
        UnreadableFileError: If it cannot be read for another reason.
    """
    try:
        return fetch(path, backend_args)
    except (FileNotFoundError, IsADirectoryError, HTTPError) as error:
        raise FileNotFoundError(f'no {kind} at {path!r}; {remedy}') from error
    except OSError as error:
        raise UnreadableFileError(
            f'{kind} {path!r} cannot be read: {error}; check that it is a '
            'file, and your access to it') from error


def read_lines(path: str,
               kind: str,
               remedy: str,
               backend_args: Optional[dict] = None) -> List[str]:
    """Read the lines of a text file that are not blank.

    Args:
        path, kind, remedy, backend_args: As in :func:`read_bytes`.

    Returns:
        list[str]: Lines without their ends.

    Raises:
        FileNotFoundError: If there is no such file.
        UnreadableFileError: If it cannot be read for another reason.
        ValueError: If it is not text in UTF-8.
    """
    content = read_bytes(path, kind, remedy, backend_args)
    try:
        text = content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{kind} {path!r} must be a text file in UTF-8, but '
                         f'got: {error}') from error
    lines = [line.rstrip('\r') for line in text.split('\n')]
    return [line for line in lines if line.strip()]
