import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest


class _QuietHandler(SimpleHTTPRequestHandler):

    def log_message(self, *args):
        pass


@pytest.fixture
def http_folder(tmp_path):
    """Serve ``tmp_path`` over HTTP and return its address."""
    handler = partial(_QuietHandler, directory=str(tmp_path))
    server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def refusal(tmp_path):
    """Text with which a reader refuses a file, checked for its form."""

    def _refusal(reader, content, name='vid.bin', **kwargs):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError) as error:
            reader.read(str(path), 'vid', **kwargs)
        text = str(error.value)
        start = f"features of video 'vid' at {str(path)!r} must "
        assert text.startswith(start) and '\n' not in text
        return text[len(start):]

    return _refusal


@pytest.fixture
def read(tmp_path):
    """Write a file and read it again."""

    def _read(reader, content, name='vid.bin', **kwargs):
        (tmp_path / name).write_bytes(content)
        return reader.read(str(tmp_path / name), 'vid', **kwargs)

    return _read
