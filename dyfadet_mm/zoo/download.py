"""Downloads that go on where the connection broke."""
import os
import os.path as osp
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Dict

from .web_page import confirmed_url, describe

if TYPE_CHECKING:
    from requests import Response, Session
    from rich.progress import Progress

CHUNK = 1 << 16  # bytes; of a chunk that comes in part, nothing is kept
TIMEOUT = 30  # seconds without a sign of the server
MARK = '.version'  # beside a part: the version of the file that it is of


def download(url: str, path: str) -> None:
    """Download a file, or the rest of it.

    A part that an earlier call left at ``path`` is completed, if the server
    still has the same version of the file: its ETag or date is kept in
    ``<path>.version`` until the file is complete. A broken connection is taken
    up again as long as that brings anything new.

    Args:
        url (str): Address of the file.
        path (str): Where to write it. What lies there after an error is a
            part, and good for another call only.

    Raises:
        ConnectionError: If the server cannot be reached, refuses, sends a web
            page, or stops before the end.
    """
    import requests
    farthest = -1
    with _session() as session, _progress_bar() as bar:
        bar.add_task(osp.basename(path), total=None)
        while True:
            try:
                _fetch_rest(session, url, path, bar)
                break
            except requests.HTTPError as error:
                raise ConnectionError(str(error)) from None
            except requests.RequestException as error:
                if _size(path) <= farthest:
                    raise ConnectionError(_reason(error)) from None
                farthest = _size(path)
    remove(path + MARK)


def remove(*paths: str) -> None:
    """Remove those files that exist."""
    for path in paths:
        with suppress(FileNotFoundError):
            os.remove(path)


def _session() -> 'Session':
    """A session that tries again where a server is busy for a moment."""
    from requests import Session
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry
    session = Session()
    # packing on the way would make the sizes meaningless
    session.headers['Accept-Encoding'] = 'identity'
    busy = Retry(2, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504))
    for prefix in ('http://', 'https://'):
        session.mount(prefix, HTTPAdapter(max_retries=busy))
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


def _fetch_rest(session: 'Session', url: str, path: str,
                bar: 'Progress') -> None:
    """Append to a file what it lacks, or begin it anew."""
    from requests import ConnectionError, codes
    rest = _rest(path)
    response = _get(session, url, rest)
    changed = _is_part(response) and _version(response) not in (
        '', rest.get('If-Range'))
    if changed or response.status_code == codes.range_not_satisfiable:
        # what is here is no part of the file that is there now
        response = _get(session, url, {})
    response.raise_for_status()
    begun = _size(path) if _is_part(response) else 0
    total = None
    if 'Content-Length' in response.headers:
        total = begun + int(response.headers['Content-Length'])
    task, = bar.task_ids
    bar.update(task, total=total, completed=begun)
    with open(path, 'ab' if begun else 'wb') as file:
        if not begun:
            _write_version(path, _version(response))
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            bar.advance(task, len(chunk))
    if total is not None and _size(path) != total:
        raise ConnectionError('the connection broke after '
                              f'{_size(path)} of {total} bytes')


def _write_version(path: str, version: str) -> None:
    """Note which version of a file a part is of."""
    with open(path + MARK, 'w', encoding='utf-8') as file:
        file.write(version)


def _rest(path: str) -> Dict[str, str]:
    """Headers that ask for what a file lacks, if its version is known."""
    if not osp.isfile(path + MARK):
        return {}
    with open(path + MARK, encoding='utf-8') as file:
        version = file.read()
    if not version or not _size(path):
        return {}
    return {'Range': f'bytes={_size(path)}-', 'If-Range': version}


def _get(session: 'Session', url: str, headers: Dict[str, str]) -> 'Response':
    """Ask for a file, past a page that asks to confirm."""
    for _ in range(2):
        response = session.get(
            url, headers=headers, stream=True, timeout=TIMEOUT)
        kind = response.headers.get('Content-Type', '')
        if 'html' not in kind or not response.ok:
            return response
        page = response.text
        confirmed = confirmed_url(page, response.url)
        if confirmed is None:
            break
        url = confirmed
    raise ConnectionError('the server sent a web page instead of the file: '
                          f'{describe(page)!r}')


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
    text = re.sub(r'<[^>]+>: ', '', str(error))  # urllib3's object addresses
    return text.splitlines()[0] if text else type(error).__name__
