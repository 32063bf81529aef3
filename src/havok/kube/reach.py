"""Failures of the connection, in words: which server, why, and what to try.

The only place that knows the error classes of aiohttp.
"""

import asyncio
import socket
import ssl
from typing import Final

import aiohttp

from havok.clock import rfc3339, utcnow
from havok.kube.errors import KubeError, TimedOut, Unreachable

CONNECTION_ERRORS = (aiohttp.ClientError, OSError, ssl.SSLError, asyncio.TimeoutError)
"""Everything a request may raise that is not an answer."""

NOT_YET, EXPIRED = 9, 10
WRONG_NAME: Final = frozenset({62, 64})
"""X509_V_ERR_* of OpenSSL's x509_vfy.h: the certificate is of another name or address."""
NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")


def was_sent(error: BaseException) -> bool:
    """Whether the server may have got the request: False only where there never was a connection."""
    return not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def explain_failure(error: BaseException, server: str, verb: str, path: str) -> KubeError:
    """The typed error for a failed connection, to be raised `from error`."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return _untrusted(error, server)
    if broken := _tls_error(error):
        return _no_tls(broken, server)
    if isinstance(error, TimeoutError) and was_sent(error):
        return TimedOut(
            "kube.timeout",
            f"{server} did not answer {verb} {path} in time",
            "check whether it took effect before you repeat it",
            server=server, verb=verb, path=path, detail=f"{verb} {path}: {server}",
        )  # fmt: skip
    cause, hint = _proxy_cause(error) or _cause(error)
    return Unreachable(
        "kube.unreachable", f"cannot reach the API server {server}: {cause}", hint, server=server, cause=cause
    )


def _untrusted(error: BaseException, server: str) -> KubeError:
    inner = getattr(error, "certificate_error", error)
    detail = getattr(inner, "verify_message", "") or str(inner)
    reason = getattr(inner, "verify_code", 0)
    if reason in (NOT_YET, EXPIRED):
        return _at_the_wrong_time(server, rfc3339(utcnow()), ended=reason == EXPIRED)
    if reason in WRONG_NAME:
        return KubeError(
            "kube.tls.name",
            f"the certificate of {server} is of another name: {detail}",
            "give the name that it has in tls-server-name of this cluster in the kubeconfig, or reach the"
            " server by that name",
            server=server, detail=detail,
        )  # fmt: skip
    return KubeError(
        "kube.tls.untrusted",
        f"the certificate of {server} is not trusted: {detail}",
        "check certificate-authority and tls-server-name of this cluster in the kubeconfig; the cluster may"
        " have been made anew",
        server=server, detail=detail,
    )  # fmt: skip


def _at_the_wrong_time(server: str, now: str, *, ended: bool) -> KubeError:
    hint = (
        "set the clock of this machine if that time is wrong; else the cluster's certificates must be renewed"
        " (`havok up` does so for the local one)"
    )
    if ended:
        return KubeError(
            "kube.tls.expired",
            f"the certificate of {server} has ended; the clock here says {now}",
            hint,
            server=server, now=now,
        )  # fmt: skip
    return KubeError(
        "kube.tls.early",
        f"the certificate of {server} is not valid yet; the clock here says {now}",
        hint,
        server=server, now=now,
    )  # fmt: skip


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    """The failed handshake behind `error`, also where the refusal came after we thought it done (TLS 1.3)."""
    # aiohttp's own class is an SSLError too, without its fields; the one inside has them.
    for one in (getattr(error, "os_error", None), error, error.__cause__, error.__context__):
        if isinstance(one, ssl.SSLError) and not isinstance(one, aiohttp.ClientError):
            return one
    return None


def _no_tls(error: ssl.SSLError, server: str) -> KubeError:
    reason = error.reason or ""
    if reason in NO_TLS:
        return KubeError(
            "kube.tls.plain",
            f"{server} does not speak https on this port",
            "write http:// before the server in the kubeconfig if it is a plain one on this machine (`kubectl"
            " proxy`), or check the port",
            server=server,
        )  # fmt: skip
    detail = reason.replace("_", " ").lower() or _tail(error)
    return KubeError(
        "kube.tls.failed",
        f"no TLS connection with {server}: {detail}",
        "check that the port speaks TLS, and that the client certificate is one this cluster issued and has"
        " not ended",
        server=server, detail=detail,
    )  # fmt: skip


def _proxy_cause(error: BaseException) -> tuple[str, str] | None:
    if isinstance(error, aiohttp.ClientHttpProxyError) and error.status == 407:
        return "the proxy asks for a name and a password", (
            "write them into proxy-url or HTTPS_PROXY, as in http://name:password@proxy:3128"
        )
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        said = (
            f"it answered {error.status}" if isinstance(error, aiohttp.ClientHttpProxyError) else _tail(error)
        )
        return f"the proxy failed: {said}", "check proxy-url in the kubeconfig and HTTPS_PROXY"
    return None


def _cause(error: BaseException) -> tuple[str, str]:
    inner = getattr(error, "os_error", None) or error
    if isinstance(inner, socket.gaierror) or isinstance(error, aiohttp.ClientConnectorDNSError):
        return (
            "its name cannot be resolved",
            "check the server of this context in the kubeconfig, and your network or VPN",
        )
    if isinstance(inner, ConnectionRefusedError):
        return (
            "the connection was refused",
            "start the cluster (`havok up` for the local one, `havok status` tells its state), or choose"
            " another with --context",
        )
    if isinstance(error, TimeoutError):
        return "it does not answer at all", "check your network, VPN and firewall"
    return (
        f"the connection broke: {_tail(error)}",
        "try again; if it stays, look at the cluster's health",
    )


def _tail(error: BaseException) -> str:
    inner = getattr(error, "os_error", None) or error
    said = getattr(inner, "strerror", None) or getattr(inner, "reason", None)
    return str(said or inner) or type(inner).__name__
