"""A real HTTP server on loopback that can behave as badly as real ones."""
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """Serves bytes, whole or from a byte on.

    Attributes:
        files (dict[str, bytes]): Path to content.
        types (dict[str, str]): Path to Content-Type of a page, of which it
            sends no parts.
        breaks (list[int]): After how many bytes of the body to close the
            connection, one for every request; whole bodies afterwards.
        busy (int): How many requests to answer with 503 first.
        ranges (bool): Whether it sends parts.
        version (str): ETag of all files; an empty one is not sent.
        honest (bool): Whether it sends the whole file where the client has
            another version.
        endless (dict[str, tuple[int, dict]]): Path to status and headers of
            an answer that ends with the connection, or after 1 GB.
        sent (int): Bytes of such answers.
        requests (list[tuple[str, str]]): Path and Range of every request.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.files, self.types, self.requests = {}, {}, []
        self.breaks, self.busy = [], 0
        self.endless, self.sent = {}, 0
        self.ranges, self.version, self.honest = True, '"1"', True

    @property
    def url(self):
        return f'http://127.0.0.1:{self.server_port}'


class Handler(BaseHTTPRequestHandler):

    def do_GET(self):
        server = self.server
        span = self.headers.get('Range')
        server.requests.append((self.path, span))
        if self.path in server.endless:
            return self.answer_endlessly(*server.endless[self.path])
        if server.busy:
            server.busy -= 1
            return self.answer(503)
        if self.path not in server.files:
            return self.answer(404)
        body = server.files[self.path]
        same = self.headers.get('If-Range') == server.version
        ranges = server.ranges and self.path not in server.types
        if not (span and ranges and (same or not server.honest)):
            return self.answer(200, body)
        first = int(span[len('bytes='):-1])
        if first >= len(body):
            return self.answer(416)
        return self.answer(206, body[first:])

    def answer(self, status, body=b''):
        server = self.server
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        kind = 'application/octet-stream' if status < 400 else 'text/html'
        self.send_header('Content-Type', server.types.get(self.path, kind))
        if server.version:
            self.send_header('ETag', server.version)
        self.end_headers()
        if body and server.breaks:
            body = body[:server.breaks.pop(0)]
        self.wfile.write(body)

    def answer_endlessly(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # the client has enough
            while self.server.sent < 10**9:
                self.server.sent += self.wfile.write(bytes(1 << 16))

    def log_message(self, *args):
        """Keep the terminal clean."""


@contextmanager
def serve():
    """Run a server as long as the block lasts."""
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02, ))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
