"""How connections are made: directly, through an HTTP proxy, or through a SOCKS5 proxy.

Which proxy: `proxy-url` of the kubeconfig, else the environment's, which never counts for loopback. An https
proxy is trusted as the cluster is, by the same authorities; so holds kubectl. Names are looked up by a SOCKS
proxy, not here. Every socket notices within a minute that its peer vanished, also on a silent stream.
"""

import socket
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.client_proto import ResponseHandler
from python_socks import ProxyError
from python_socks.async_.asyncio import Proxy

from havok.kube.access import Access
from havok.kube.errors import KubeError

SCHEMES: Final = ("http", "https", "socks5", "socks5h")
KEEPALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


def proxy_for(access: Access) -> str:
    """The proxy's URL, or nothing. Raises KubeError `kube.proxy.unsupported`."""
    if access.proxy:
        return _usable(access.proxy)
    parts = urlsplit(access.server)
    host = parts.hostname or ""
    if host == "localhost" or host.startswith("127.") or host == "::1" or proxy_bypass(host):
        return ""
    found = getproxies().get(parts.scheme, "")
    return _usable(found) if found else ""


def is_socks(proxy: str) -> bool:
    """Whether it speaks SOCKS5 rather than HTTP."""
    return proxy.startswith("socks5")


def connector(proxy: str, *, limit: int) -> aiohttp.TCPConnector:
    """At most `limit` connections (0: any number). HTTP proxies are named at each request instead."""
    options: dict[str, Any] = {"limit": limit, "socket_factory": _socket, "ttl_dns_cache": 30}
    return _SocksConnector(proxy, **options) if is_socks(proxy) else aiohttp.TCPConnector(**options)


class _SocksConnector(aiohttp.TCPConnector):
    """aiohttp has no SOCKS; the TLS inside is its own, so that tls-server-name holds here as well."""

    def __init__(self, proxy: str, **options: Any) -> None:
        super().__init__(**options)
        self._socks = proxy.replace("socks5h:", "socks5:", 1)

    async def _create_direct_connection(
        self, req: aiohttp.ClientRequest, traces: Any, timeout: aiohttp.ClientTimeout, **_: Any
    ) -> Any:
        host, port = req.url.raw_host or "", req.url.port or 443
        try:
            proxy = Proxy.from_url(self._socks, rdns=True)
            made = await proxy.connect(host, port, timeout=timeout.sock_connect)
        except (OSError, ProxyError) as error:
            wrapped = error if isinstance(error, OSError) else OSError(None, str(error))
            raise aiohttp.ClientProxyConnectionError(req.connection_key, wrapped) from error
        _keep_alive(made)
        context = self._get_ssl_context(req)
        name = (req.server_hostname or host) if context else None
        return await self._tls(req, made, context, name)

    async def _tls(self, req: aiohttp.ClientRequest, made: socket.socket, context: Any, name: Any) -> Any:
        def protocol() -> ResponseHandler:
            return ResponseHandler(self._loop)

        try:
            return await self._loop.create_connection(protocol, sock=made, ssl=context, server_hostname=name)
        except aiohttp.client_exceptions.cert_errors as error:
            raise aiohttp.ClientConnectorCertificateError(req.connection_key, error) from error
        except aiohttp.client_exceptions.ssl_errors as error:
            raise aiohttp.ClientConnectorSSLError(req.connection_key, error) from error


def _usable(proxy: str) -> str:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        known = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, known = SplitResult("", "", "", "", ""), False
    if known:
        return proxy
    shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).lstrip("/")
    raise KubeError(
        "kube.proxy.unsupported",
        f"the proxy {shown} is not http, https or socks5",
        "give the whole URL of an http, https or socks5 proxy in proxy-url or HTTPS_PROXY",
        proxy=shown,
    )


def _socket(info: Any) -> socket.socket:
    family, kind, protocol = info[:3]
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    _keep_alive(made)
    return made


def _keep_alive(made: socket.socket) -> None:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in KEEPALIVE:
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
