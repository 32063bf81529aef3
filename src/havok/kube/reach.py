"""Failures of the connection, in words: which server, why, and what to try.

The only place that knows the error classes of aiohttp.
"""

import asyncio
import socket
import ssl

import aiohttp

from havok.kube.errors import KubeError, TimedOut, Unreachable

CONNECTION_ERRORS = (aiohttp.ClientError, OSError, ssl.SSLError, asyncio.TimeoutError)
"""Everything a request may raise that is not an answer."""


def was_sent(error: BaseException) -> bool:
    """Whether the server may have got the request: False only where there never was a connection."""
    return not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)


def explain_failure(error: BaseException, server: str, verb: str, path: str) -> KubeError:
    """The typed error for a failed connection, to be raised `from error`."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return _untrusted(error, server)
    if isinstance(error, aiohttp.ClientConnectorSSLError | ssl.SSLError):
        return KubeError(
            "kube.tls.failed",
            f"no TLS connection with {server}: {_tail(error)}",
            "check that the port speaks TLS, and that the client certificate is one this cluster issued",
            server=server, detail=_tail(error),
        )  # fmt: skip
    if isinstance(error, TimeoutError) and was_sent(error):
        return TimedOut(
            "kube.timeout",
            f"{server} did not answer {verb} {path} in time",
            "check whether it took effect before you repeat it",
            server=server, verb=verb, path=path, detail=f"{verb} {path}: {server}",
        )  # fmt: skip
    cause, hint = _cause(error)
    return Unreachable(
        "kube.unreachable", f"cannot reach the API server {server}: {cause}", hint, server=server, cause=cause
    )


def _untrusted(error: BaseException, server: str) -> KubeError:
    inner = getattr(error, "certificate_error", error)
    detail = getattr(inner, "verify_message", "") or str(inner)
    return KubeError(
        "kube.tls.untrusted",
        f"the certificate of {server} is not trusted: {detail}",
        "check certificate-authority and tls-server-name of this cluster in the kubeconfig; the cluster may"
        " have been made anew",
        server=server, detail=detail,
    )  # fmt: skip


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
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return f"the proxy failed: {_tail(error)}", "check proxy-url in the kubeconfig and HTTPS_PROXY"
    return (
        f"the connection broke: {_tail(error)}",
        "try again; if it stays, look at the cluster's health",
    )


def _tail(error: BaseException) -> str:
    inner = getattr(error, "os_error", None) or error
    said = getattr(inner, "strerror", None) or getattr(inner, "reason", None)
    return str(said or inner) or type(inner).__name__
