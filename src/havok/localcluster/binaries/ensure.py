"""Having the binaries: from the person's folder, the cache, the release site, or built, in that order.

Groups are worked on one after the other, each under its lock; whoever waited for the lock finds what the
other process has made. Everything finished stays, so that asking again goes on from there.
"""

import asyncio
import functools
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from havok.errors import HavokError
from havok.localcluster.binaries import toolchain, verify
from havok.localcluster.binaries.build import build
from havok.localcluster.binaries.cache import Cache
from havok.localcluster.binaries.lock import Holder, Lock
from havok.localcluster.binaries.mirror import Limits, Mirror, MirrorFailedError
from havok.localcluster.binaries.progress import Narrator, Phase, Progress, silent
from havok.localcluster.binaries.table import MIB, TABLE, Binary, Group, Table, select
from havok.settings import Settings


def cached(name: str, *, settings: Settings | None = None, table: Table = TABLE) -> Path | None:
    """The finished binary `name` of the current pins in the cache; None when it is not there yet.

    Raises NotFoundError `binaries.unknown`.
    """
    (binary,) = select([name], table)
    return Cache.of(settings or Settings.load()).find(binary)


async def ensure(
    names: Iterable[str] = TABLE,
    *,
    settings: Settings,
    progress: Progress = silent,
    table: Table = TABLE,
    environ: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> dict[str, Path]:
    """The paths of the binaries called `names`, got by whatever way there is; minutes when they are built.

    Cancelling it ends what it started; the next call goes on. Raises HavokError `binaries.*`: no Go, no
    space, a failing build, a ready binary of another version, an unknown name.
    """
    environ = os.environ if environ is None else environ
    wanted = select(names, table)
    found: dict[str, Path] = {}
    if folder := settings.get("cluster.bin_dir", str):
        found = await _ready(wanted, _absolute(folder), environ)
    cache = Cache.of(settings, environ)
    found |= {b.name: path for b in wanted if b.name not in found and (path := cache.find(b))}
    missing = [binary for binary in wanted if binary.name not in found]
    if missing:
        limits = limits or Limits(answer=settings.get("cluster.mirror_timeout", float))
        mirror = Mirror(settings.get("cluster.mirror", str), limits)
        found |= await _Work(cache, mirror, Narrator(progress, missing, cache.timings()), environ).get(
            missing
        )
    return {binary.name: found[binary.name] for binary in wanted}


def _absolute(folder: str) -> Path:
    return Path(folder).expanduser().absolute()


async def _ready(wanted: list[Binary], folder: Path, environ: Mapping[str, str]) -> dict[str, Path]:
    """The binaries in the person's folder; one of our own that is not there is built instead."""
    asked = [binary for binary in wanted if not binary.ours or (folder / binary.name).is_file()]
    return {binary.name: await verify.take_ready(binary, folder, environ) for binary in asked}


class _Work:
    """One call's way through the groups."""

    def __init__(self, cache: Cache, mirror: Mirror, narrator: Narrator, environ: Mapping[str, str]) -> None:
        self._cache = cache
        self._mirror = mirror
        self._narrator = narrator
        self._environ = environ
        self._go: Path | None = None

    async def get(self, missing: list[Binary]) -> dict[str, Path]:
        found = {}
        for group, binaries in _by_group(missing):
            async with self._cache.locked(
                group.name, functools.partial(self._waiting, binaries[0].name)
            ) as lock:
                for binary in binaries:
                    found[binary.name] = self._cache.find(binary) or await self._one(binary, missing, lock)
                    self._narrator.estimate.obtained(binary.name)
                    self._narrator.tell(binary.name, Phase.DONE)
        return found

    def _waiting(self, name: str, holder: Holder) -> None:
        self._narrator.tell(name, Phase.WAITING, str(holder))

    async def _one(self, binary: Binary, missing: list[Binary], lock: Lock) -> Path:
        lock.describe(binary.name, Phase.FETCHING if self._mirror.usable else Phase.BUILDING)
        try:
            if path := await self._fetch(binary):
                return path
        except MirrorFailedError as error:
            self._narrator.note(f"mirror.{error.why}", name=binary.name, reason=error.detail)
        if self._go is None:
            left = [other for other in missing if self._cache.find(other) is None]
            groups = [group for group, _ in _by_group(left)]
            self._cache.require_space(groups)
            self._go = await toolchain.find(groups, self._cache, self._narrator, self._environ)
        lock.describe(binary.name, Phase.BUILDING)
        return await build(binary, self._go, self._cache, self._narrator, self._environ)

    async def _fetch(self, binary: Binary) -> Path | None:
        digest = await self._mirror.offers(binary)
        if digest is None:
            return None
        part = self._cache.part(binary, "download")

        def told(done: int, total: int) -> None:
            self._narrator.tell(binary.name, Phase.FETCHING, f"{done // MIB}/{total // MIB} MiB")

        with self._cache.writing():
            await self._mirror.fetch(binary, digest, part, told)
            part.chmod(0o755)
        self._narrator.tell(binary.name, Phase.VERIFYING)
        try:
            await verify.require(binary, part, self._environ)
        except HavokError as error:
            part.unlink()
            self._mirror.usable = False
            raise MirrorFailedError("version", error.message) from error
        return await asyncio.to_thread(self._cache.place, binary, part)


def _by_group(binaries: list[Binary]) -> list[tuple[Group, list[Binary]]]:
    groups: dict[str, tuple[Group, list[Binary]]] = {}
    for binary in binaries:
        groups.setdefault(binary.group.name, (binary.group, []))[1].append(binary)
    return list(groups.values())
