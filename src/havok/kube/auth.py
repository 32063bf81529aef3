"""Credentials that change while we run: token files, exec plugins, certificate files.

`Authenticator.identity` gives what the next request needs; `refuse` tells it that the server said 401, so
that the next `identity` reads or runs again. Invariant: a plugin runs at most once at a time, and its output
stays in memory. Secrets never reach logs or errors.
"""

import asyncio
import base64
import time
from collections.abc import Callable
from typing import Final

import msgspec

from havok.kube.access import Access
from havok.kube.errors import KubeError
from havok.kube.exec_plugin import PluginOutput, run_plugin
from havok.kube.tls import KeyPair, credential_file, read_pem

REREAD: Final = 60.0
"""Seconds after which a credential file is read again; the kubelet renews token files well before that."""


class Identity(msgspec.Struct, frozen=True):
    """What one request presents."""

    authorization: str
    pair: KeyPair | None

    def __repr__(self) -> str:
        return f"Identity({self.authorization.partition(' ')[0]!r})"


class Authenticator:
    """Who we are, always current. `now` is seconds since the epoch."""

    def __init__(self, access: Access, *, now: Callable[[], float] = time.time) -> None:
        self._access = access
        self._credentials = access.credentials
        self._now = now
        self._lock = asyncio.Lock()
        self._identity: Identity | None = None
        self._expires = 0.0

    @property
    def renewable(self) -> bool:
        """Whether trying again after a 401 can help."""
        given = self._credentials
        return bool(given.token_file or given.certificate_file or given.plugin)

    async def identity(self) -> Identity:
        """What the next request presents. Raises KubeError `kube.credential.file`, `kube.plugin.*`."""
        if self._identity is None or self._now() >= self._expires:
            async with self._lock:
                if self._identity is None or self._now() >= self._expires:
                    self._identity, self._expires = await self._obtain()
        return self._identity

    def refuse(self, identity: Identity) -> None:
        """The server did not accept `identity`; forget it unless a newer one is here already."""
        if self._identity is identity:
            self._identity = None

    async def _obtain(self) -> tuple[Identity, float]:
        if self._credentials.plugin:
            output = await run_plugin(self._credentials.plugin, self._access)
            pair = _pair_of(output) or self._pair()
            expires = output.expires - REREAD if output.expires else float("inf")
            # An expiry that is close or past must not become a plugin run for each request.
            soonest = self._now() + 1
            return Identity(_bearer(output.token) or self._authorization(), pair), max(expires, soonest)
        return Identity(self._authorization(), self._pair()), self._now() + REREAD

    def _authorization(self) -> str:
        given = self._credentials
        if given.token_file:
            try:
                return _bearer(_token_of(given.token_file))
            except KubeError:
                if not given.token:
                    raise
        if given.token:
            return _bearer(given.token)
        if given.username:
            pair = f"{given.username}:{given.password}".encode()
            return f"Basic {base64.b64encode(pair).decode('ascii')}"
        return ""

    def _pair(self) -> KeyPair | None:
        given = self._credentials
        certificate = _content(given.certificate, given.certificate_file)
        key = _content(given.key, given.key_file)
        return KeyPair(certificate, key) if certificate else None


def _pair_of(output: PluginOutput) -> KeyPair | None:
    if not output.certificate:
        return None
    return KeyPair(output.certificate.encode(), output.key.encode())


def _content(inline: bytes, path: str) -> bytes:
    return inline or (read_pem(path) if path else b"")


def _token_of(path: str) -> str:
    token = read_pem(path).decode("utf-8", "replace").strip()
    if not token:
        raise credential_file(path, OSError("it is empty"))
    return token


def _bearer(token: str) -> str:
    return f"Bearer {token}" if token else ""
