"""HTTP to one API server: sessions, identity, retries, throttling; the only user of aiohttp's client.

What is retried: 429 always (the server did not start on it), 503 when the server names a time or the request
is safe, other failures only for GET and HEAD, a connection that never came about for every method, twice and
quickly. Waits are full jitter, 0.2-10 s, or the server's Retry-After. Streams and WebSockets are tried once:
their owners know how to resume. Each session belongs to the event loop that opened it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from random import Random
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from havok.kube.access import Access, Impersonation
from havok.kube.auth import Authenticator, Identity
from havok.kube.errors import KubeError, from_body
from havok.kube.proxy import connector, is_socks, proxy_for
from havok.kube.reach import CONNECTION_ERRORS, explain_failure, was_sent
from havok.kube.refusals import refusal_of, stranger_in
from havok.kube.throttle import Backoff, Pass, TokenBucket, Turnstile
from havok.kube.tls import TlsSource

Params: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

SAFE: Final = frozenset({"GET", "HEAD"})
CLOSED: Final = "the client is not open: use `async with Client(...)`"
TRANSIENT: Final = frozenset({500, 502, 503, 504})
READ_BUFFER: Final = 1 << 20
LONGEST_WAIT: Final = 60.0
"""Seconds of Retry-After that we obey; a server that asks for more gets its error passed on."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How hard a client may push one API server."""

    qps: float = 50
    """Requests a second on average."""
    burst: float = 100
    """Requests at once after a pause."""
    tries: int = 5
    timeout: float = 60
    """Seconds for one request, and for a stream to begin."""
    connections: int = 64
    """Connections for requests; who comes later waits for a free one."""
    streams: int = 0
    """Connections for streams (watches, logs, exec), held as long as they last; 0: any number."""
    starting: int = 4
    """Caches that may fetch their first state at once. A server counts such a read as many requests
    (priority and fairness), and an operator has a dozen caches: together they would crowd out the rest."""


class Transport:
    """Opened once, shared by every client of the same cluster and user."""

    def __init__(self, access: Access, *, user_agent: str, limits: Limits, random: Random) -> None:
        self.access = access
        self._agent = user_agent
        self._limits = limits
        self._random = random
        self._auth = Authenticator(access)
        self._tls = TlsSource(access)
        self._stack = AsyncExitStack()
        self._requests: aiohttp.ClientSession | None = None
        self._streams: aiohttp.ClientSession | None = None
        self._bucket: TokenBucket | None = None
        self._starting: Turnstile | None = None
        self._proxy = proxy_for(access)

    async def open(self) -> None:
        """Make the sessions; nothing is sent yet."""
        self._bucket = TokenBucket(self._limits.qps, self._limits.burst, asyncio.get_running_loop().time)
        self._starting = Turnstile(self._limits.starting)
        self._requests = await self._stack.enter_async_context(self._session(self._limits.connections))
        # Watches and logs hold their connections for ever, so they must not count against the requests'.
        self._streams = await self._stack.enter_async_context(self._session(self._limits.streams))

    async def close(self) -> None:
        """Close every connection."""
        await self._stack.aclose()

    async def start(self) -> Pass:
        """A place for whoever reads the whole state of a kind; at most `Limits.starting` at once."""
        if self._starting is None:
            raise RuntimeError(CLOSED)
        return await self._starting.enter()

    async def fetch(
        self,
        method: str,
        path: str,
        *,
        params: Params = (),
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        impersonate: Impersonation | None = None,
    ) -> bytes:
        """The body of a successful answer. Raises the errors of `havok.kube.errors`."""
        backoff = Backoff(0.2, 10.0, self._random)
        renewed = False
        attempt = 0
        while True:
            attempt += 1
            identity = await self._auth.identity()
            try:
                return await self._once(method, path, params, body, headers, identity, impersonate)
            except KubeError as error:
                if error.status == 401 and self._auth.renewable and not renewed:
                    renewed = True
                    self._auth.refuse(identity)
                    attempt -= 1
                    continue
                delay = self._delay(error, method, attempt, backoff)
                if delay is None:
                    raise
            await asyncio.sleep(delay)

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        params: Params = (),
        headers: Mapping[str, str] | None = None,
        impersonate: Impersonation | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The blocks of an endless answer as they arrive. A broken connection raises Unreachable."""
        async with AsyncExitStack() as stack:
            response = await self._open_stream(stack, path, params, headers, impersonate)
            yield await stack.enter_async_context(aclosing(self._blocks(response, path)))

    @asynccontextmanager
    async def websocket(
        self,
        path: str,
        *,
        params: Params = (),
        protocols: tuple[str, ...],
        impersonate: Impersonation | None = None,
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A WebSocket; the server chose one of `protocols`. Raises the server's refusal as a typed error."""
        session = self._ready(self._streams)
        identity = await self._auth.identity()
        try:
            socket_ = await session.ws_connect(
                self._url(path), params=list(_pairs(params)), protocols=protocols, max_msg_size=16 << 20,
                headers=self._headers({}, identity, impersonate), autoping=True, **self._security(identity),
            )  # fmt: skip
        except aiohttp.WSServerHandshakeError as error:
            raise await self._refusal(error, path, params, impersonate) from error
        except CONNECTION_ERRORS as error:
            raise explain_failure(error, self.access.server, "GET", path) from error
        async with socket_:
            yield socket_

    async def _open_stream(
        self,
        stack: AsyncExitStack,
        path: str,
        params: Params,
        headers: Mapping[str, str] | None,
        impersonate: Impersonation | None,
    ) -> aiohttp.ClientResponse:
        await self._take_turn()
        for last in (not self._auth.renewable, True):
            identity = await self._auth.identity()
            # No compression: a compressed stream holds lines back until its buffer is full.
            given = self._headers({"Accept-Encoding": "identity", **(headers or {})}, identity, impersonate)
            request = self._ready(self._streams).get(
                self._url(path), params=list(_pairs(params)), headers=given, **self._security(identity),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10), allow_redirects=False,
            )  # fmt: skip
            try:
                async with asyncio.timeout(self._limits.timeout):
                    response = await request
                server = self.access.server
                if response.status < 300 and not stranger_in(response, server):
                    return await stack.enter_async_context(response)
                async with response:
                    refusal = await refusal_of(response, server, "GET", path, identity)
            except CONNECTION_ERRORS as error:
                raise explain_failure(error, self.access.server, "GET", path) from error
            if refusal.status != 401 or last:
                raise refusal
            self._auth.refuse(identity)
        raise AssertionError("the last try returns or raises")

    async def _once(
        self,
        method: str,
        path: str,
        params: Params,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        identity: Identity,
        impersonate: Impersonation | None,
    ) -> bytes:
        await self._take_turn()
        wants_json = (headers or {}).get("Accept") == "application/json"
        try:
            async with self._ready(self._requests).request(
                method, self._url(path), params=list(_pairs(params)), data=body,
                headers=self._headers(headers or {}, identity, impersonate), **self._security(identity),
                timeout=aiohttp.ClientTimeout(total=self._limits.timeout, sock_connect=10),
                allow_redirects=False,
            ) as response:  # fmt: skip
                server = self.access.server
                if response.status >= 300 or (wants_json and stranger_in(response, server)):
                    raise await refusal_of(response, server, method, path, identity)
                return await response.read()
        except CONNECTION_ERRORS as error:
            raise explain_failure(error, self.access.server, method, path) from error

    def _delay(self, error: KubeError, method: str, attempt: int, backoff: Backoff) -> float | None:
        """Seconds to wait before the next try; None: this error is final."""
        if attempt >= self._limits.tries:
            return None
        if error.retry_after is not None and error.status in (429, 503):
            if error.retry_after > LONGEST_WAIT:
                return None
            return error.retry_after + backoff.next()
        if error.status == 429:
            return backoff.next()
        cause = error.__cause__
        if error.status == 0 and cause is not None and not was_sent(cause):
            transient = error.code == "kube.unreachable" and attempt < 3
            return self._random.uniform(0, 0.2 * attempt) if transient else None
        broken = error.status in TRANSIENT or error.code == "kube.unreachable"
        return backoff.next() if broken and method in SAFE else None

    async def _take_turn(self) -> None:
        if self._bucket is None:
            raise RuntimeError(CLOSED)
        if delay := self._bucket.reserve():
            await asyncio.sleep(delay)

    async def _blocks(self, response: aiohttp.ClientResponse, path: str) -> AsyncGenerator[bytes, None]:
        try:
            async for block in response.content.iter_any():
                yield block
        except CONNECTION_ERRORS as error:
            raise explain_failure(error, self.access.server, "GET", path) from error

    async def _refusal(
        self,
        error: aiohttp.WSServerHandshakeError,
        path: str,
        params: Params,
        impersonate: Impersonation | None,
    ) -> KubeError:
        # aiohttp drops the body of a refused handshake; a plain GET gets the same refusal with its reason.
        try:
            await self.fetch("GET", path, params=params, impersonate=impersonate)
        except KubeError as refusal:
            if refusal.status == error.status:
                return refusal
        return from_body(error.status, b"", verb="GET", path=path)

    def _session(self, limit: int) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector(self._proxy, limit=limit),
            read_bufsize=READ_BUFFER,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._agent},
        )

    def _ready(self, session: aiohttp.ClientSession | None) -> aiohttp.ClientSession:
        if session is None or session.closed:
            raise RuntimeError(CLOSED)
        return session

    def _url(self, path: str) -> URL:
        return URL(self.access.server + path, encoded=True)

    def _security(self, identity: Identity) -> dict[str, Any]:
        given: dict[str, Any] = {"proxy": None if is_socks(self._proxy) else self._proxy or None}
        if self.access.server.startswith("https:"):
            given["ssl"] = self._tls.context(identity.pair)
            given["server_hostname"] = self.access.tls_server_name or None
        return given

    def _headers(
        self, given: Mapping[str, str], identity: Identity, impersonate: Impersonation | None
    ) -> list[tuple[str, str]]:
        headers = list(given.items())
        if identity.authorization:
            headers.append(("Authorization", identity.authorization))
        if who := impersonate or self.access.impersonate:
            headers += _impersonation_headers(who)
        return headers


def _impersonation_headers(who: Impersonation) -> list[tuple[str, str]]:
    headers = [("Impersonate-User", who.user)]
    headers += [("Impersonate-Group", group) for group in who.groups]
    if who.uid:
        headers.append(("Impersonate-Uid", who.uid))
    for key, values in who.extra.items():
        # Keys are percent-encoded header names (authentication reference, "User impersonation").
        name = quote(key.lower(), safe="")
        headers += [(f"Impersonate-Extra-{name}", value) for value in values]
    return headers


def _pairs(params: Params) -> Iterable[tuple[str, str]]:
    return params.items() if isinstance(params, Mapping) else params
