"""The HTTP server: one thread a connection; every request is counted, measured and logged as a line of JSON.

The query is left out of the log, since that is where people put tokens.
"""

import json
import socketserver
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from sample import routes
from sample.app import App
from sample.metrics import Metrics

QUIET_SECONDS = 0.1


class Server(ThreadingHTTPServer):
    """Knows what is in flight, so that it can be stopped without cutting anybody off."""

    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], app: App, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self.in_flight = 0
        self._changed = threading.Condition()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of our own name: it waits for a DNS that may not be there."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def count(self, change: int) -> None:
        """One request more, or one less."""
        with self._changed:
            self.in_flight += change
            self._changed.notify_all()

    def await_quiet(self, end: float) -> int:
        """Wait until nothing was in flight for a moment (a request may be on its way here); what still is.

        `end` is a time of `time.monotonic`, where waiting ends in any case.
        """
        with self._changed:
            while (left := end - time.monotonic()) > 0:
                busy = self.in_flight > 0
                if not self._changed.wait(left if busy else min(left, QUIET_SECONDS)) and not busy:
                    break
            return self.in_flight


class Handler(BaseHTTPRequestHandler):
    """One connection; `do_GET` for each of its requests."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True
    timeout = 30  # seconds that a connection may stay idle

    def serve(self) -> None:
        """Answer one request."""
        started = time.perf_counter()
        self.server.count(+1)
        answer, error = self._answer()
        try:
            self._send(answer)
        except ConnectionError as gone:
            self.close_connection = True  # the client went away before it had its answer
            error = error or gone
        finally:
            self._account(answer.status, time.perf_counter() - started, error)
            self.server.count(-1)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve  # noqa: N815

    def _answer(self) -> tuple[routes.Answer, Exception | None]:
        url = urlsplit(self.path)
        if self.command not in ("GET", "HEAD"):
            self.close_connection = True  # a body that nobody reads may follow
            return routes.refuse_method(), None
        if url.path == "/prometheus":
            text = self.server.metrics.text(self.server.in_flight)
            return routes.Answer(200, text, "text/plain; version=0.0.4; charset=utf-8"), None
        try:
            accept = self.headers.get("Accept", "")
            return routes.answer(self.server.app, path=url.path, query=url.query, accept=accept), None
        except Exception as error:
            return routes.failed(), error

    def _send(self, answer: routes.Answer) -> None:
        body = answer.body.encode()
        headers = {"Content-Type": answer.type, "Content-Length": str(len(body)), **answer.headers}
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _account(self, status: int, seconds: float, error: Exception | None) -> None:
        path = urlsplit(self.path).path
        self.server.metrics.record(self.command, routes.label(path), status, seconds)
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": "info" if error is None else "warn" if isinstance(error, ConnectionError) else "error",
            "method": self.command,
            "path": path,
            "status": status,
            "ms": round(seconds * 1000, 2),
            "client": self.client_address[0],
        }
        if error:
            line["error"] = repr(error)
        if line["level"] == "error":
            line["stack"] = "".join(traceback.format_exception(error))
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: `serve` writes the one line of each request."""

    def version_string(self) -> str:
        """What the header Server says."""
        return self.server.app.name
