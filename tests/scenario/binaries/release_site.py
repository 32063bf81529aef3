"""A release site on loopback that can be good, lie, dawdle, cut and be absent."""

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Iterator
from typing import Literal

Temper = Literal["good", "wrong-sum", "no-sum", "silent", "absent", "cuts", "always-cuts", "trickles"]


class ReleaseSite(http.server.ThreadingHTTPServer):
    """Serves `files` by path; `asked` are the paths requested, with the offset of a range."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], temper: Temper = "good") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.temper = temper
        self.asked: list[tuple[str, int]] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: ReleaseSite
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        path = self.path.lstrip("/")
        self.server.asked.append((path, start))
        if self.server.temper == "silent":
            self.server.closing.wait()
            self.close_connection = True
        elif path.endswith(".sha512"):
            self._sum(path.removesuffix(".sha512"))
        elif self.server.temper == "absent" or path not in self.server.files:
            self.send_error(404)
        else:
            self._file(self.server.files[path], start)

    def _sum(self, path: str) -> None:
        if self.server.temper == "no-sum" or path not in self.server.files:
            self.send_error(404)
            return
        data = self.server.files[path] + (b"!" if self.server.temper == "wrong-sum" else b"")
        text = hashlib.sha512(data).hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _file(self, data: bytes, start: int) -> None:
        if start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        cut = self.server.temper == "always-cuts" or (self.server.temper == "cuts" and start == 0)
        if cut:
            self.wfile.write(data[start : start + (len(data) - start) // 2])
            self.close_connection = True
        elif self.server.temper == "trickles":
            with contextlib.suppress(OSError):
                while not self.server.closing.wait(0.02):
                    self.wfile.write(b".")
            self.close_connection = True
        else:
            self.wfile.write(data[start:])

    def log_message(self, format: str, *args: object) -> None:
        """Tests read `asked` instead."""


@contextlib.contextmanager
def release_site(files: dict[str, bytes], temper: Temper = "good") -> Iterator[ReleaseSite]:
    """A running site for the length of a `with`."""
    site = ReleaseSite(files, temper)
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        site.shutdown()
        thread.join()
        site.server_close()
