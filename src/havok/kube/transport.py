"""HTTP to one API server: sessions, identity, retries, throttling; the only user of aiohttp's client.

What is retried: 429 always (the server did not start on it), 503 when the server names a time or the request
is safe, other failures only for GET and HEAD, a connection that never came about for every method, twice and
quickly. Waits are full jitter, 0.2-10 s, or the server's Retry-After. Streams and WebSockets are tried once:
their owners know how to resume. Each session belongs to the event loop that opened it.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from random import Random
from typing import Any, Final, TypeAlias
from urllib.parse import quote
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from havok.kube.auth import Authenticator, Identity
from havok.kube.errors import KubeError, from_body
from havok.kube.kubeconfig import Access, Impersonation
from havok.kube.reach import CONNECTION_ERRORS, explain_failure, was_sent
from havok.kube.throttle import Backoff, TokenBucket
from havok.kube.tls import TlsSource

Params: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

SAFE: Final = frozenset({"GET", "HEAD"})
TRANSIENT: Final = frozenset({500, 502, 503, 504})
MAX_CONNECTIONS: Final = 64
READ_BUFFER: Final = 1 << 20
LONGEST_WAIT: Final = 60.0
"""Seconds of Retry-After that we obey; a server that asks for more gets its error passed on."""


class Limits:
    """How hard a client may push: requests a second, burst, tries, seconds for one request."""

    __slots__ = ("burst", "qps", "timeout", "tries")

    def __init__(self, *, qps: float = 50, burst: float = 100, tries: int = 5, timeout: float = 60) -> None:
        self.qps = qps
        self.burst = burst
        self.tries = tries
        self.timeout = timeout


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
        self._proxy = _proxy_for(access)

    async def open(self) -> None:
        """Make the sessions; nothing is sent yet."""
        self._bucket = TokenBucket(self._limits.qps, self._limits.burst, asyncio.get_running_loop().time)
        self._requests = await self._stack.enter_async_context(self._session(MAX_CONNECTIONS))
        # Watches and logs hold their connections for ever, so they must not count against the requests'.
        self._streams = await self._stack.enter_async_context(self._session(0))

    async def close(self) -> None:
        """Close every connection."""
        await self._stack.aclose()

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
        for attempt in range(1, self._limits.tries + 1):
            identity = await self._auth.identity()
            try:
                return await self._once(method, path, params, body, headers, identity, impersonate)
            except KubeError as error:
                if error.status == 401 and self._auth.renewable and not renewed:
                    renewed = True
                    self._auth.refuse(identity)
                    continue
                delay = self._delay(error, method, attempt, backoff)
                if delay is None:
                    raise
            await asyncio.sleep(delay)
        raise AssertionError("the last attempt returns or raises")

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
                if response.status < 400:
                    return await stack.enter_async_context(response)
                async with response:
                    refusal = await _refusal_of(response, "GET", path)
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
        try:
            async with self._ready(self._requests).request(
                method, self._url(path), params=list(_pairs(params)), data=body,
                headers=self._headers(headers or {}, identity, impersonate), **self._security(identity),
                timeout=aiohttp.ClientTimeout(total=self._limits.timeout, sock_connect=10),
                allow_redirects=False,
            ) as response:  # fmt: skip
                if response.status >= 400:
                    raise await _refusal_of(response, method, path)
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
            raise RuntimeError("the client is not open: use `async with Client(...)`")
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
        connector = aiohttp.TCPConnector(limit=limit, socket_factory=_socket, ttl_dns_cache=30)
        return aiohttp.ClientSession(
            connector=connector, read_bufsize=READ_BUFFER, cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._agent},
        )  # fmt: skip

    def _ready(self, session: aiohttp.ClientSession | None) -> aiohttp.ClientSession:
        if session is None or session.closed:
            raise RuntimeError("the client is not open: use `async with Client(...)`")
        return session

    def _url(self, path: str) -> URL:
        return URL(self.access.server + path, encoded=True)

    def _security(self, identity: Identity) -> dict[str, Any]:
        given: dict[str, Any] = {"proxy": self._proxy or None}
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


async def _refusal_of(response: aiohttp.ClientResponse, verb: str, path: str) -> KubeError:
    body = await response.content.read(READ_BUFFER)
    text = response.headers.get("Retry-After", "")
    after = float(text) if text.isdecimal() else None
    return from_body(response.status, body, verb=verb, path=path, retry_after=after)


def _pairs(params: Params) -> Iterable[tuple[str, str]]:
    return params.items() if isinstance(params, Mapping) else params


def _proxy_for(access: Access) -> str:
    """proxy-url of the kubeconfig, else the environment's, which never counts for loopback."""
    url = URL(access.server)
    host = url.host or ""
    if access.proxy:
        proxy = access.proxy
    elif host == "localhost" or host.startswith("127.") or host == "::1":
        return ""
    else:
        proxies = getproxies()
        proxy = "" if proxy_bypass(host) else proxies.get(url.scheme, "")
    if proxy and not proxy.startswith(("http://", "https://")):
        raise KubeError(
            "kube.proxy.unsupported",
            f"the proxy {URL(proxy).with_user(None)} is not http or https",
            "give an http or https proxy in proxy-url or HTTPS_PROXY",
            proxy=str(URL(proxy).with_user(None)),
        )
    return proxy


def _socket(info: Any) -> socket.socket:
    """A socket that notices a peer that vanished within a minute, also on a silent stream."""
    family, kind, protocol = info[:3]
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
    return made
