"""A proxy in front of an API server that fails on purpose.

It ends TLS, passes requests on and answers back, byte by byte for watches, and can at any moment cut what is
open, fall silent, answer the next requests itself, do to the next watches what `faults` can do, or lie: give
an old copy of a whole state, begin a watch earlier than asked. Everything it does is asked for by the test;
by itself it is transparent. WebSockets are not passed on.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from havok.clock import utcnow
from havok.kube import Access, certificates
from havok.kube.tls import KeyPair, build_context, present
from support import faults
from support.controlplane import ControlPlane
from support.faults import Broken, Fault
from support.observed import Turn

HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "content-encoding"}
)


@dataclass
class Answer:
    """What the proxy says instead of the server, to the next `times` requests that match."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    matches: Callable[[web.Request], bool] = lambda _: True
    times: int = 1
    in_stream: bool = False


class FaultProxy:
    """``async with FaultProxy(plane) as proxy: Client(proxy.access())``."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._running = asyncio.Event()
        self._running.set()
        self._answers: list[Answer] = []
        self._open: set[asyncio.Task[Any]] = set()
        self._cut_after: int | None = None
        self._faults: deque[Fault] = deque()
        self._stale = 0
        self._older: deque[int] = deque()
        self._copies: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        """(method, path and query) of each request that came."""
        self.turn = Turn()
        self._port = 0

    async def __aenter__(self) -> Self:
        admin = self._plane.access().credentials
        context = build_context(self._plane.authority.certificate, KeyPair(admin.certificate, admin.key))
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        application = web.Application(client_max_size=32 << 20)
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._server_context())
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.heal()
        self.cut()
        await self._runner.cleanup()
        await self._session.close()

    def access(self) -> Access:
        """The administrator's access, through this proxy."""
        return msgspec.structs.replace(self._plane.access(), server=f"https://127.0.0.1:{self._port}")

    def watches(self) -> list[str]:
        """The watch requests that came."""
        return [path for _, path in self.requests if "watch=true" in path]

    def cut(self) -> None:
        """Break every connection with an answer under way, in the middle of it."""
        for task in self._open:
            task.cancel()

    def stall(self) -> None:
        """Pass nothing on any more, in either direction, and close nothing."""
        self._running.clear()

    def heal(self) -> None:
        """Be transparent again."""
        self._answers.clear()
        self._faults.clear()
        self._older.clear()
        self._cut_after, self._stale = None, 0
        self._running.set()

    def let_go(self) -> None:
        """End a stall; answers that were asked for stay in force."""
        self._running.set()

    async def until(self, enough: Callable[[], bool]) -> None:
        """Wait until `enough()`, looking each time a request comes; raises TimeoutError."""
        await self.turn.until(enough)

    def cut_after(self, chunks: int) -> None:
        """Break each stream after this many chunks."""
        self._cut_after = chunks

    def spoil(self, *given: Fault) -> None:
        """Do this to the next watches, one fault to each."""
        self._faults.extend(given)

    def serve_old_state(self, times: int = 1) -> None:
        """Answer the next questions for a whole state with the first answer that was given to the same."""
        self._stale = times

    def begin_earlier(self, by: int) -> None:
        """Let the next watch that resumes begin so many versions earlier than it asks for."""
        self._older.append(by)

    @property
    def idle(self) -> bool:
        """Whether nothing that was asked for is still to come."""
        return not (self._answers or self._faults or self._older or self._stale)

    def answer(
        self,
        status: int,
        reason: str = "",
        *,
        retry_after: int | None = None,
        matches: Callable[[web.Request], bool] = lambda _: True,
        times: int = 1,
    ) -> None:
        """Answer the next requests with this status and an API Status."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._answers.append(Answer(status, _status(status, reason), headers, matches, times))

    def error_in_stream(self, status: int, reason: str = "", *, times: int = 1) -> None:
        """Let the next watches begin and then say ERROR, as an API server does."""
        self._answers.append(
            Answer(status, _status(status, reason), {}, _is_watch, times, in_stream=True)
        )  # fmt: skip

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs))
        self.turn.happened()
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._running.wait()
            if answer := self._next_answer(request):
                return await self._say(request, answer)
            if self._stale and (copy := self._copies.get(_state_of(request))) is not None:
                self._stale -= 1
                return await self._replay(request, copy)
            return await self._pass_on(request)
        except asyncio.CancelledError:
            if request.transport:
                request.transport.abort()
            raise
        finally:
            self._open.discard(task)

    def _next_answer(self, request: web.Request) -> Answer | None:
        for answer in self._answers:
            if answer.matches(request):
                answer.times -= 1
                if answer.times <= 0:
                    self._answers.remove(answer)
                return answer
        return None

    async def _say(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if not answer.in_stream:
            return web.json_response(answer.body, status=answer.status, headers=answer.headers)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(faults.event("ERROR", answer.body))
        await response.write_eof()
        return response

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        headers = {key: value for key, value in request.headers.items() if key.lower() not in HOP}
        url = f"{self._plane.server}{self._path_of(request)}"
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.request(
            request.method, URL(url, encoded=True), headers=headers,
            data=await request.read(), timeout=timeout,
        ) as upstream:  # fmt: skip
            kept = {key: value for key, value in upstream.headers.items() if key.lower() not in HOP}
            if encoding := upstream.headers.get("Content-Encoding"):
                kept["Content-Encoding"] = encoding
            response = web.StreamResponse(status=upstream.status, headers=kept)
            await response.prepare(request)
            await self._copy(request, upstream, response)
            return response

    async def _copy(
        self, request: web.Request, upstream: aiohttp.ClientResponse, response: web.StreamResponse
    ) -> None:
        blocks = self._live(request, upstream)
        if _is_watch(request) and self._faults:
            blocks = self._faults.popleft()(blocks)
        try:
            async for block in blocks:
                await response.write(block)
        except Broken as broken:
            await _break(request, response, broken.how)
            return
        await response.write_eof()

    async def _live(self, request: web.Request, upstream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        seen = 0
        state = _state_of(request)
        plain = upstream.status == 200 and "Content-Encoding" not in upstream.headers
        copy = bytearray() if state and plain and state not in self._copies else None
        async for chunk in upstream.content.iter_any():
            await self._running.wait()
            if self._cut_after is not None and _is_watch(request) and seen >= self._cut_after:
                raise asyncio.CancelledError
            seen += 1
            if copy is not None:
                copy += chunk
                if _is_watch(request) and faults.INITIAL_END.encode() in copy and copy.endswith(b"\n"):
                    self._copies[state], copy = bytes(copy), None
            yield chunk
        if copy is not None and not _is_watch(request):
            self._copies[state] = bytes(copy)

    async def _replay(self, request: web.Request, copy: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(copy)
        await response.write_eof()
        return response

    def _path_of(self, request: web.Request) -> str:
        version = request.query.get("resourceVersion", "")
        if not (self._older and _is_watch(request) and version):
            return request.raw_path
        earlier = max(1, int(version) - self._older.popleft())
        return request.raw_path.replace(f"resourceVersion={version}", f"resourceVersion={earlier}")

    def _server_context(self) -> Any:
        import ssl

        leaf = certificates.issue(self._plane.authority, "proxy", utcnow(), hosts=("127.0.0.1",))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        present(context, KeyPair(leaf.certificate, leaf.key))
        return context


def _is_watch(request: web.Request) -> bool:
    return request.query.get("watch") == "true"


def _state_of(request: web.Request) -> str:
    """Which whole state is asked for; empty: none."""
    query = request.query
    if request.method != "GET" or ("sendInitialEvents" not in query and "limit" not in query):
        return ""
    return "&".join([request.path, *(f"{key}={query.get(key)}" for key in ("watch", "labelSelector"))])


async def _break(request: web.Request, response: web.StreamResponse, how: faults.How) -> None:
    transport = request.transport
    if transport is None:
        return
    if how == "silent":
        await asyncio.Event().wait()
    under = transport.get_extra_info("socket")
    if how == "half":
        under.shutdown(socket.SHUT_WR)
        await asyncio.Event().wait()
    if how == "reset":
        # Closing without lingering sends RST instead of FIN.
        under.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        response.force_close()
        transport.close()


def _status(status: int, reason: str) -> dict[str, Any]:
    return {
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "reason": reason,
        "message": f"the fault proxy says {status} {reason}".strip(),
    }  # fmt: skip
