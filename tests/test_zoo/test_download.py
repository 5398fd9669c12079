import os
import socket

import pytest

from dyfadet_mm.zoo.download import CHUNK, TooLargeError, download

BODY = os.urandom(300_000)
LIMIT = 10**6


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'file.part'


@pytest.fixture
def url(server):
    server.files['/file'] = BODY
    return f'{server.url}/file'


def ranges(server):
    """The first byte that each request asked for."""
    return [
        int(span[len('bytes='):-1]) if span else 0
        for _, span in server.requests
    ]


def test_whole_file(server, url, path):
    download(url, str(path), LIMIT)
    assert path.read_bytes() == BODY and ranges(server) == [0]
    assert os.listdir(path.parent) == [path.name]


def test_goes_on_where_the_connection_broke(server, url, path):
    server.breaks = [CHUNK + 5, CHUNK, 2 * CHUNK + 1]
    download(url, str(path), LIMIT)
    assert path.read_bytes() == BODY
    assert ranges(server) == [0, CHUNK, 2 * CHUNK, 4 * CHUNK]


@pytest.mark.parametrize(
    'settings', [dict(ranges=False), dict(version='')], ids=str)
def test_begins_anew_where_no_part_can_be_asked_for(server, url, path,
                                                    settings):
    vars(server).update(settings)
    server.breaks = [100_000, 200_000]
    download(url, str(path), LIMIT)
    assert path.read_bytes() == BODY


def test_gives_up_when_nothing_new_comes(server, url, path):
    server.breaks = [CHUNK] + [0] * 20
    with pytest.raises(ConnectionError, match='broke|broken'):
        download(url, str(path), LIMIT)
    assert len(server.breaks) > 10
    assert path.read_bytes() == BODY[:CHUNK]


def test_a_later_call_completes_the_part(server, url, path):
    server.breaks = [CHUNK, 0, 0]
    with pytest.raises(ConnectionError):
        download(url, str(path), LIMIT)
    server.breaks.clear()
    server.requests.clear()
    download(url, str(path), LIMIT)
    assert path.read_bytes() == BODY and ranges(server) == [CHUNK]


@pytest.mark.parametrize('honest', [True, False])
@pytest.mark.parametrize('size', [200_000, 50_000])
def test_part_of_another_version_is_dropped(server, url, path, honest, size):
    server.breaks = [CHUNK, 0, 0]
    with pytest.raises(ConnectionError):
        download(url, str(path), LIMIT)
    server.breaks.clear()
    server.honest, server.version = honest, '"2"'
    server.files['/file'] = BODY[::-1][:size]
    download(url, str(path), LIMIT)
    assert path.read_bytes() == BODY[::-1][:size]


def test_part_of_unknown_origin_is_dropped(url, path):
    path.write_bytes(b'something else')
    download(url, str(path), LIMIT)
    assert path.read_bytes() == BODY


def test_server_that_is_busy_for_a_moment(server, url, path):
    server.busy = 2
    download(url, str(path), LIMIT)
    assert path.read_bytes() == BODY


def test_missing_file(server, path):
    with pytest.raises(ConnectionError, match='404'):
        download(f'{server.url}/nothing', str(path), LIMIT)
    assert not path.exists()


def test_web_page_is_no_file(server, url, path):
    server.files['/file'] = b'<title>Quota exceeded</title>'
    server.types['/file'] = 'text/html; charset=utf-8'
    with pytest.raises(ConnectionError, match='web page.*Quota exceeded'):
        download(url, str(path), LIMIT)
    assert not path.exists()


def test_page_that_asks_to_confirm(server, path):
    server.files['/ask?id=1'] = (
        b'<form id="download-form" action="/get">'
        b'<input name="id" value="1"><input name="uuid" value="ab"></form>')
    server.types['/ask?id=1'] = 'text/html'
    server.files['/get?id=1&uuid=ab'] = BODY
    server.breaks = [10**6, CHUNK, 10**6]
    download(f'{server.url}/ask?id=1', str(path), LIMIT)
    assert path.read_bytes() == BODY
    assert ranges(server) == [0, 0, CHUNK, CHUNK]


def test_page_that_asks_for_ever(server, url, path):
    server.files['/file'] = b'<form id="download-form" action="/file"></form>'
    server.types['/file'] = 'text/html'
    with pytest.raises(ConnectionError, match='web page'):
        download(url, str(path), LIMIT)
    assert len(server.requests) == 2


def test_nobody_listens(path):
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        address = f'http://127.0.0.1:{sock.getsockname()[1]}/file'
        with pytest.raises(ConnectionError, match='refused'):
            download(address, str(path), LIMIT)
    assert not path.exists()


HTML = {'Content-Type': 'text/html'}


@pytest.mark.parametrize('status, headers, message', [
    (200, HTML, 'web page'),
    (404, HTML, '404'),
    (503, HTML, '503'),
    (302, {
        'Location': '/nothing'
    }, '404'),
    (302, {
        'Location': '/file'
    }, 'redirects'),
    (302, {
        'Location': '/\xff'
    }, '404|codec'),
    (302, {
        'Location': 'http://['
    }, 'Invalid|URL'),
    (200, {}, 'it has more bytes, not 1000000'),
    (200, {
        'Content-Length': '9' * 12
    }, 'it has more bytes, not 1000000'),
    (200, {
        'Content-Length': '9' * 5000
    }, 'it has more bytes|[Ll]ength'),
    (200, {
        'Content-Encoding': 'gzip'
    }, 'packs the file'),
    (206, {
        'ETag': 'x' * 60000
    }, 'it has more bytes'),
    (416, {}, '416'),
])
def test_what_never_ends_is_not_read(server, path, status, headers, message):
    server.endless['/file'] = status, headers
    with pytest.raises((ConnectionError, TooLargeError),
                       match=message) as error:
        download(f'{server.url}/file', str(path), LIMIT)
    assert len(str(error.value)) < 1000
    assert server.sent < 5 * 10**8  # most of it lies in buffers
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize('page', [
    '<![x[', '<![', '<form id="download-form" action="http://[">',
    '<form id="download-form" action="file:///etc/passwd">',
    f'<title>{"x" * 60000}', '\xff\xfe', '<' * 70000
])
def test_pages_of_any_content(server, url, path, page):
    server.files['/file'] = page.encode('latin1')
    server.types['/file'] = 'text/html; charset=nonsense'
    with pytest.raises(ConnectionError, match='web page|adapters') as error:
        download(url, str(path), LIMIT)
    assert len(str(error.value)) < 1000


def test_connections_are_counted(server, url, path, monkeypatch):
    monkeypatch.setattr('dyfadet_mm.zoo.download.MAX_TRIES', 3)
    server.breaks = [CHUNK] * 99
    with pytest.raises(ConnectionError, match='broke'):
        download(url, str(path), LIMIT)
    assert len(server.requests) == 3


def test_a_mark_that_is_no_version_begins_anew(server, url, path):
    for mark in (b'\xff', b'a\r\nX: y', 'é'.encode(), b'x' * 10**6):
        path.write_bytes(BODY[:CHUNK])
        path.with_name('file.part.version').write_bytes(mark)
        download(url, str(path), LIMIT)
        assert path.read_bytes() == BODY


@pytest.mark.parametrize('link', [os.symlink, os.link])
def test_links_are_replaced(url, path, tmp_path, link):
    victims = [tmp_path / 'victim', tmp_path / 'other']
    for victim, name in zip(victims, ('file.part', 'file.part.version')):
        victim.write_text('mine')
        link(victim, tmp_path / name)
    download(url, str(path), LIMIT)
    assert path.read_bytes() == BODY and not path.is_symlink()
    assert [each.read_text() for each in victims] == ['mine', 'mine']


def test_pipes_are_replaced(url, path):
    for name in (path, f'{path}.version'):
        os.mkfifo(name)
    download(url, str(path), LIMIT)
    assert path.read_bytes() == BODY
