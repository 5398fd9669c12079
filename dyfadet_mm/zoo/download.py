"""Downloads that go on where the connection broke."""
import os
import os.path as osp
import re
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Dict, Optional

from .web_page import confirmed_url, describe

if TYPE_CHECKING:
    from requests import Response, Session
    from rich.progress import Progress

CHUNK = 1 << 16  # bytes; of a chunk that comes in part, nothing is kept
TIMEOUT = 30  # seconds without a sign of the server
MARK = '.version'  # beside a part: the version of the file that it is of
MAX_PAGE = 1 << 16  # bytes of a web page that are read
MAX_TRIES = 100  # connections for one file
_BUSY = (500, 502, 503, 504)


class TooLargeError(ValueError):
    """A server sends more than a file may have."""


def download(url: str, path: str, max_bytes: int) -> None:
    """Download a file, or the rest of it.

    A part that an earlier call left at ``path`` is completed, if the server
    still has the same version of the file: its ETag or date is kept in
    ``<path>.version`` until the file is complete. A broken connection is taken
    up again as long as that brings anything new. Links at these paths are
    replaced, not followed.

    Args:
        url (str): Address of the file.
        path (str): Where to write it. What lies there after an error is a
            part, and good for another call only.
        max_bytes (int): Most bytes that the file may have.

    Raises:
        ConnectionError: If the server cannot be reached, refuses, sends a web
            page, or stops before the end.
        TooLargeError: If it sends more than ``max_bytes``; nothing is kept.
    """
    import requests
    from urllib3.exceptions import HTTPError
    farthest = -1
    with _session() as session, _progress_bar() as bar:
        bar.add_task(osp.basename(path), total=None)
        for left in reversed(range(MAX_TRIES)):
            try:
                _fetch_rest(session, url, path, bar, max_bytes)
                break
            except TooLargeError:
                remove(path, path + MARK)
                raise
            except requests.HTTPError as error:
                raise ConnectionError(_reason(error)) from None
            # the last one for a redirection of no possible form
            except (requests.RequestException, HTTPError, ValueError) as error:
                if _size(path) <= farthest or not left:
                    raise ConnectionError(_reason(error)) from None
                farthest = _size(path)
    remove(path + MARK)


def remove(*paths: str) -> None:
    """Remove those files that exist."""
    for path in paths:
        with suppress(FileNotFoundError):
            os.remove(path)


def remove_links(*paths: str) -> None:
    """Remove what is no file of its own, so that no other one is written.

    Args:
        paths (str): Links, pipes and devices; of files without another name
            nothing is done.
    """
    for path in paths:
        with suppress(FileNotFoundError):
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                os.remove(path)


def _session() -> 'Session':
    """A session that reads no more than it is told to."""
    from requests import Session
    session = Session()
    # packing on the way would make the sizes meaningless
    session.headers['Accept-Encoding'] = 'identity'
    # which would be read to the end before it is followed
    session.hooks['response'].append(lambda response, **_: response.close()
                                     if response.is_redirect else None)
    return session


def _progress_bar() -> 'Progress':
    """A bar with the amount, the speed and the time that is left."""
    from rich.console import Console
    from rich.progress import (BarColumn, DownloadColumn, Progress, TextColumn,
                               TimeRemainingColumn, TransferSpeedColumn)
    console = Console(stderr=True)
    return Progress(
        TextColumn('{task.description}'),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal)


def _fetch_rest(session: 'Session', url: str, path: str, bar: 'Progress',
                max_bytes: int) -> None:
    """Append to a file what it lacks, or begin it anew."""
    import requests
    remove_links(path, path + MARK)
    rest = _rest(path)
    response = _get(session, url, rest)
    changed = _is_part(response) and _version(response) not in (
        '', rest.get('If-Range'))
    if changed or response.status_code == requests.codes.requested_range:
        # what is here is no part of the file that is there now
        response = _get(session, url, {})
    response.raise_for_status()
    begun = _size(path) if _is_part(response) else 0
    total = _length(response)
    total = None if total is None else begun + total
    task, = bar.task_ids
    bar.update(task, total=total, completed=begun)
    _check_size(total or 0, max_bytes)
    with open(path, 'ab' if begun else 'wb') as file:
        if not begun:
            _write_version(path, _version(response))
        for chunk in response.iter_content(CHUNK):
            _check_size(file.tell() + len(chunk), max_bytes)
            file.write(chunk)
            bar.advance(task, len(chunk))
    if total is not None and _size(path) != total:
        raise requests.ConnectionError('the connection broke after '
                                       f'{_size(path)} of {total} bytes')


def _length(response: 'Response') -> Optional[int]:
    """Bytes that a server announces, None if it does not."""
    text = response.headers.get('Content-Length', '')
    return int(text) if re.fullmatch('[0-9]{1,18}', text) else None


def _check_size(size: int, max_bytes: int) -> None:
    """Give up a file that is too large, or never ends."""
    if size > max_bytes:
        raise TooLargeError(f'it has more bytes, not {max_bytes} at most')


def _write_version(path: str, version: str) -> None:
    """Note which version of a file a part is of."""
    with open(path + MARK, 'w', encoding='utf-8') as file:
        file.write(version)


def _rest(path: str) -> Dict[str, str]:
    """Headers that ask for what a file lacks, if its version is known."""
    if not osp.isfile(path + MARK):
        return {}
    with open(path + MARK, encoding='utf-8', errors='replace') as file:
        version = file.read(1000)
    # what is no header was written by somebody else
    is_header = version.isascii() and version.isprintable()
    if not version or not is_header or not _size(path):
        return {}
    return {'Range': f'bytes={_size(path)}-', 'If-Range': version}


def _get(session: 'Session', url: str, headers: Dict[str, str]) -> 'Response':
    """Ask for a file, past a page that asks to confirm."""
    for _ in range(2):
        response = _ask(session, url, headers)
        if response.headers.get('Content-Encoding', 'identity') != 'identity':
            raise ConnectionError('the server packs the file on the way')
        kind = response.headers.get('Content-Type', '')
        if 'html' not in kind or not response.ok:
            return response
        page = _read_page(response)
        confirmed = confirmed_url(page, response.url)
        if confirmed is None:
            break
        url = confirmed
    raise ConnectionError('the server sent a web page instead of the file: '
                          f'{describe(page)!r}')


def _ask(session: 'Session', url: str, headers: Dict[str, str]) -> 'Response':
    """Send a request, again where the server is busy for a moment."""
    for pause in (0.2, 0.4, None):
        response = session.get(
            url, headers=headers, stream=True, timeout=TIMEOUT)
        if response.status_code not in _BUSY or pause is None:
            return response
        response.close()  # without reading what it says
        time.sleep(pause)


def _read_page(response: 'Response') -> str:
    """Read the begin of a web page."""
    page = b''
    for chunk in response.iter_content(CHUNK // 16):
        page += chunk
        if len(page) >= MAX_PAGE:
            break
    response.close()
    return page[:MAX_PAGE].decode(errors='replace')


def _is_part(response: 'Response') -> bool:
    """Whether a server sends what was asked for and not the whole file."""
    return response.status_code == 206


def _version(response: 'Response') -> str:
    """What tells one version of a file from another, or an empty string."""
    return response.headers.get('ETag') or response.headers.get(
        'Last-Modified', '')


def _size(path: str) -> int:
    """Bytes of a file, 0 if there is none."""
    return osp.getsize(path) if osp.exists(path) else 0


def _reason(error: Exception) -> str:
    """Say in one line why a server was not reached."""
    text = str(error)[:2000]
    text = re.sub(r'<[^>]+>: ', '', text)  # urllib3's object addresses
    return text.splitlines()[0][:500] if text else type(error).__name__
