"""A tiny HTTP server for machines: /metrics, /healthz, /readyz. It reads one line of a request, no more."""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, generate_latest

from havok.errors import HavokError

READ_TIMEOUT = 5.0
LONGEST_LINE = 8192


class HealthServer:
    """`run` serves until cancelled. `ready` gives why the process is not ready; empty when it is."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, ready: Callable[[], str]) -> None:
        self._host = host
        self._port = port
        self._registry = registry
        self._ready = ready

    async def run(self) -> None:
        """Raises HavokError `boots.metrics.port`, when the port is taken."""
        try:
            server = await asyncio.start_server(self._serve, self._host, self._port, limit=LONGEST_LINE)
        except OSError as error:
            raise HavokError(
                "boots.metrics.port",
                f"cannot listen for metrics on {self._host}:{self._port}: {error.strerror or error}",
                "choose another port with --metrics-port, or end what listens there",
                host=self._host, port=self._port, reason=error.strerror or str(error),
            ) from error  # fmt: skip
        async with server:
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                line = await reader.readline()
                while (await reader.readline()).strip():
                    pass
            writer.write(self._answer(line))
            await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    def _answer(self, request_line: bytes) -> bytes:
        method, _, rest = request_line.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", b"only GET\n")
        if path == b"/metrics":
            return _response("200 OK", generate_latest(self._registry), "text/plain; version=0.0.4")
        if path == b"/healthz":
            return _response("200 OK", b"ok\n")
        if path == b"/readyz":
            reason = self._ready()
            status = "503 Service Unavailable" if reason else "200 OK"
            return _response(status, (reason or "ok").encode() + b"\n")
        return _response("404 Not Found", b"/metrics, /healthz or /readyz\n")


def _response(status: str, body: bytes, kind: str = "text/plain") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body
