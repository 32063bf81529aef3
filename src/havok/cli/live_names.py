"""Names from the cluster for completion, at most 30 s old, and quickly or not at all.

Kept in a file for each (kubeconfig, context, namespace), so that a second press of Tab asks nobody. A cluster
that does not answer within two seconds has no names.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from havok.codec import decode_json, encode_json
from havok.errors import HavokError

FRESH: Final = 30.0
PATIENCE: Final = 2.0

Scope = Mapping[str, str | None]


class Kept(msgspec.Struct, frozen=True):
    """Names with the time (seconds since 1970) at which the cluster gave them."""

    at: float
    names: list[str]


class LiveNames:
    """Names for one invocation."""

    def __init__(self, environ: Mapping[str, str], *, wall: Callable[[], float] = time.time) -> None:
        home = Path(environ.get("HOME") or Path.home())
        self._folder = Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "havok" / "complete"
        self._environ = environ
        self._wall = wall

    def boots(self, scope: Scope) -> list[str]:
        """Names of Boots of the namespace in force."""
        return self._names("boots", scope, _boots)

    def namespaces(self, scope: Scope) -> list[str]:
        """Names of namespaces."""
        return self._names("namespaces", {**scope, "namespace": None}, _namespaces)

    def contexts(self) -> list[str]:
        """Names of contexts in the kubeconfig; read from the file each time."""
        from havok.kube.kubeconfig import context_names

        try:
            return context_names(environ=self._environ)
        except HavokError:
            return []

    def _names(
        self, what: str, scope: Scope, ask: Callable[[Scope], Coroutine[Any, Any, list[str]]]
    ) -> list[str]:
        file = self._folder / self._file(what, scope)
        kept = _read(file)
        now = self._wall()
        if kept is not None and 0 <= now - kept.at < FRESH:
            return kept.names
        names = _asked(ask(scope))
        if names is None:
            return []
        _write(file, Kept(now, names))
        return names

    def _file(self, what: str, scope: Scope) -> str:
        marks = [what, self._environ.get("KUBECONFIG", ""), *(scope[key] or "" for key in sorted(scope))]
        return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:24] + ".json"


async def _boots(scope: Scope) -> list[str]:
    from havok.cli.connect import Target, connected, list_boots
    from havok.cli.kinds import BOOTS

    async with connected(Target(scope["namespace"], scope["context"], scope["kubeconfig"])) as cluster:
        found = await list_boots(cluster, BOOTS, namespace=cluster.namespace)
        return sorted({boot.name for boot in found})


async def _namespaces(scope: Scope) -> list[str]:
    from havok.cli.connect import Target, connected
    from havok.kube.resources import NAMESPACES
    from havok.kube.views import PartialObject

    async with connected(Target(None, scope["context"], scope["kubeconfig"])) as cluster:
        listing = await cluster.client.list(NAMESPACES, view=PartialObject)
        return sorted(one.metadata.name for one in listing.items)


def _asked(question: Coroutine[Any, Any, list[str]]) -> list[str] | None:
    async def in_time() -> list[str]:
        async with asyncio.timeout(PATIENCE):
            return await question

    from havok.cli.connect import run

    try:
        return run(in_time)
    except (HavokError, TimeoutError):
        return None


def _read(file: Path) -> Kept | None:
    try:
        return decode_json(file.read_bytes(), Kept)
    except (OSError, HavokError):
        return None


def _write(file: Path, kept: Kept) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_bytes(encode_json(kept))
    except OSError:
        return
