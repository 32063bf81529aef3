"""The folder where binaries, the Go build cache and a fetched toolchain live between clusters.

    bin/<group>-<key>/<name>     finished binaries; a name appears there only whole and verified
    go/{build,mod,tmp,src}       Go's own caches: what makes an interrupted build resume
    toolchain/<version>          Go, where PATH has none
    log/<name>.log               the output of the last build
    lock/<group>                 who works on that group now
    timings.json                 what builds took on this machine

A reader needs no lock: it never sees a half-written binary. Who writes into a group's folder holds its lock.
"""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from havok import codec
from havok.localcluster.binaries.failure import disk_full, unwritable
from havok.localcluster.binaries.lock import Holder, Lock, locked, locked_at_once
from havok.localcluster.binaries.progress import Timing
from havok.localcluster.binaries.table import GIB, Binary, Group, Table
from havok.settings import Settings

LINKING: Final = 1 * GIB
"""Free space that even a resumed build needs: the linker's output, its temporary files, the binary."""


class Cache:
    """The layout below one root. Makes folders when something is about to be written into them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of(cls, settings: Settings, environ: Mapping[str, str] | None = None) -> "Cache":
        """`cluster.cache`, else `$XDG_CACHE_HOME/havok`, else `~/.cache/havok`."""
        environ = os.environ if environ is None else environ
        if named := settings.get("cluster.cache", str):
            return cls(Path(named).expanduser().absolute())
        xdg = Path(environ.get("XDG_CACHE_HOME", ""))
        return cls((xdg if xdg.is_absolute() else Path("~/.cache").expanduser()) / "havok")

    def folder(self, group: Group) -> Path:
        return self.root / "bin" / f"{group.name}-{group.key()}"

    def find(self, binary: Binary) -> Path | None:
        """The finished binary, if it is there."""
        path = self.folder(binary.group) / binary.name
        return path if path.is_file() and os.access(path, os.X_OK) else None

    def part(self, binary: Binary, suffix: str) -> Path:
        """Where an unfinished one is written, beside its place so that the rename is atomic."""
        return self.make(self.folder(binary.group)) / f".{binary.name}.{suffix}"

    def place(self, binary: Binary, part: Path) -> Path:
        """Give a verified file its name. It reaches the disk first: a power cut leaves no empty binary."""
        with self.writing():
            with part.open("rb") as file:
                os.fsync(file.fileno())
            return part.replace(self.folder(binary.group) / binary.name)

    def log(self, name: str) -> Path:
        return self.make(self.root / "log") / f"{name}.log"

    def go(self, *parts: str) -> Path:
        return self.root.joinpath("go", *parts)

    def sources(self, group: Group) -> Path:
        """The module folder of a group; it exists once a build of these pins was begun."""
        return self.go("src", f"{group.name}-{group.key()}")

    def make(self, folder: Path) -> Path:
        """`folder`, existing. Raises HavokError `binaries.cache.unwritable` or `binaries.disk.full`."""
        with self.writing():
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Around anything that writes here: the operating system's refusal becomes an error of ours."""
        try:
            yield
        except OSError as error:
            raise unwritable(self.root, error) from error

    def require_space(self, groups: list[Group]) -> None:
        """Raise HavokError `binaries.disk.short` when a build of `groups` would not fit.

        A group whose build was begun before has most of what it needs on the disk already.
        """
        cold = sum(group.disk for group in groups if not self.sources(group).exists())
        needed = max(cold, min(LINKING, max((group.disk for group in groups), default=0)))
        free = shutil.disk_usage(self.make(self.root)).free
        if free < needed:
            raise disk_full(self.root, needed=needed, free=free)

    def timings(self) -> dict[str, Timing]:
        """What builds took here; empty when nothing was built or the file is damaged."""
        try:
            return msgspec.json.decode((self.root / "timings.json").read_bytes(), type=dict[str, Timing])
        except (OSError, msgspec.MsgspecError):
            return {}

    def keep_timing(self, name: str, timing: Timing) -> None:
        part = self.make(self.root) / f".timings.{os.getpid()}"
        with self.writing():
            part.write_bytes(codec.encode_json(self.timings() | {name: timing}, indent=2))
            part.replace(self.root / "timings.json")

    @contextlib.asynccontextmanager
    async def locked(self, name: str, waiting: Callable[[Holder], None]) -> AsyncIterator[Lock]:
        """Hold the lock of a group (or of the toolchain); `waiting` hears who has it until we do."""
        path = self.make(self.root / "lock") / name
        with self.writing():
            path.touch()
        async with locked(path, waiting) as lock:
            yield lock

    def purge(self, table: Table) -> int:
        """Remove what the pins of `table` no longer name. Returns the bytes freed.

        Raises ConflictError `binaries.cache.busy` when somebody builds.
        """
        kept = {f"{group.name}-{group.key()}" for group in _groups(table)}
        with self._idle():
            old = [folder for folder in self._entries("bin") if folder.name not in kept]
            return sum(_remove(folder) for folder in old)

    def purge_build_cache(self) -> int:
        """Remove Go's caches and a fetched toolchain, not the binaries. Returns the bytes freed.

        Binaries that are still missing, and new pins, then build cold. Raises ConflictError
        `binaries.cache.busy` when somebody builds.
        """
        with self._idle():
            return sum(_remove(folder) for folder in (self.root / "go", self.root / "toolchain"))

    @contextlib.contextmanager
    def _idle(self) -> Iterator[None]:
        with locked_at_once(self._entries("lock")), self.writing():
            yield

    def _entries(self, folder: str) -> list[Path]:
        return sorted((self.root / folder).iterdir()) if (self.root / folder).is_dir() else []


def _groups(table: Table) -> list[Group]:
    return list({binary.group.name: binary.group for binary in table.values()}.values())


def _remove(folder: Path) -> int:
    """Delete a tree whose folders may be read-only, as Go's module cache is."""
    size = 0
    for place, _, names in os.walk(folder):
        os.chmod(place, 0o700)  # noqa: PTH101
        for name in names:
            size += os.lstat(f"{place}/{name}").st_blocks * 512
    shutil.rmtree(folder, ignore_errors=not folder.exists())
    return size
