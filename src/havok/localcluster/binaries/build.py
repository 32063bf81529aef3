"""Building one binary with Go from its pins.

Go's build cache makes it go on from where an interrupted build stopped. The person's proxies, module proxy
and Go environment file hold; what would change the result (flags, toolchains, cgo, workspaces) does not.
"""

import asyncio
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from havok.localcluster.binaries import process, verify
from havok.localcluster.binaries.cache import Cache
from havok.localcluster.binaries.failure import build_failed
from havok.localcluster.binaries.progress import Narrator, Phase, Timing, remember
from havok.localcluster.binaries.table import FLAGS, Binary, Group, architecture

_FIXED: Final = {
    "CGO_ENABLED": "0",
    "GO111MODULE": "on",
    "GOFLAGS": "-mod=readonly",  # not empty: Go would then read it from its environment file
    "GOOS": "linux",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}


async def build(
    binary: Binary, go: Path, cache: Cache, narrator: Narrator, environ: Mapping[str, str]
) -> Path:
    """Build and verify one binary and put it in its place; its group's lock is held by the caller.

    Raises HavokError `binaries.build.*`, `binaries.disk.full` or `binaries.cache.unwritable`.
    """
    part, log = cache.part(binary, f"{os.getpid()}.build"), cache.log(binary.name)
    before = cache.timings().get(binary.name, Timing())
    watch = Watch(log)

    def tick() -> None:
        watch.look()
        narrator.tell(binary.name, watch.phase, watch.detail, timed=watch.phase is Phase.BUILDING)

    start = time.monotonic()
    try:
        code = await _compile(binary, go, part, cache, environ, tick)
    except BaseException:
        spent = before.spent + time.monotonic() - start
        cache.keep_timing(binary.name, Timing(before.seconds, before.packages, round(spent, 1)))
        raise
    watch.look()
    if code:
        part.unlink(missing_ok=True)
        raise build_failed(binary.name, log, code, cache.root)
    seconds = time.monotonic() - start
    cache.keep_timing(binary.name, remember(before, before.spent + seconds, watch.packages))
    narrator.estimate.built(binary.name, seconds, watch.packages)
    narrator.tell(binary.name, Phase.VERIFYING)
    await verify.require(binary, part, environ)
    return await asyncio.to_thread(cache.place, binary, part)


class Watch:
    """Reads a running build's log: which modules it downloads, how many packages it has compiled."""

    _DOWNLOAD = re.compile(rb"^go: downloading (\S+ \S+)$", re.M)
    _PACKAGE = re.compile(rb"^[^\s:]+$", re.M)

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = 0
        self.packages = 0
        self.modules = 0
        self._module = ""

    @property
    def phase(self) -> Phase:
        return Phase.MODULES if self.modules and not self.packages else Phase.BUILDING

    @property
    def detail(self) -> str:
        """The module being downloaded, else the number of packages compiled so far."""
        if self.phase is Phase.MODULES:
            return self._module
        return str(self.packages) if self.packages else ""

    def look(self) -> None:
        """Take in what was written since the last look."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except OSError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        self.packages += len(self._PACKAGE.findall(whole))
        downloads = self._DOWNLOAD.findall(whole)
        self.modules += len(downloads)
        if downloads:
            self._module = downloads[-1].decode()


async def _compile(
    binary: Binary,
    go: Path,
    part: Path,
    cache: Cache,
    environ: Mapping[str, str],
    tick: Callable[[], None],
) -> int:
    log = cache.log(binary.name)
    sources = await asyncio.to_thread(_lay_out, binary.group, cache)
    env = _environment(cache, environ, binary.group)
    command = [str(go), "build", "-v", *FLAGS, "-ldflags", binary.group.ldflags]
    with cache.writing():
        log.write_bytes(b"")  # else `tick` would count what the last build compiled
        tick()
        return await process.run(
            [*command, "-o", str(part), binary.package], cwd=sources, env=env, log=log, tick=tick
        )


def _lay_out(group: Group, cache: Cache) -> Path:
    """The group's module in a folder of its own, and an empty folder for Go's temporary files.

    What a killed run left is removed; its compiler, if that still runs, loses its folder and cannot finish.
    """
    folder = cache.make(cache.sources(group))
    with cache.writing():
        for name, data in group.files().items():
            (folder / name).write_bytes(data)
        shutil.rmtree(cache.go("tmp", group.name), ignore_errors=True)
        for left in cache.folder(group).glob(".*.build"):
            left.unlink(missing_ok=True)
    cache.make(cache.go("tmp", group.name))
    return folder


def _environment(cache: Cache, environ: Mapping[str, str], group: Group) -> dict[str, str]:
    return {
        **{name: value for name, value in environ.items() if name != "GOEXPERIMENT"},
        **_FIXED,
        "GOARCH": architecture(),
        "GOCACHE": str(cache.go("build")),
        "GOMODCACHE": str(cache.go("mod")),
        "GOTMPDIR": str(cache.go("tmp", group.name)),
    }
