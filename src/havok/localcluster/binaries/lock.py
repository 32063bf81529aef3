"""One lock for each group of binaries, so that two processes never write the same files.

flock belongs to the open file: the kernel frees it when its owner ends, however it ends. The file says who
holds it and what is being done, which is what those who wait show. Lock files are never deleted: deleting
one would let two processes hold "the same" lock.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from havok import codec
from havok.localcluster.binaries.failure import busy

POLL: Final = 0.5
"""Seconds between two looks at a lock that somebody else holds; flock cannot be awaited."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock and what it does there; an empty one when that cannot be read."""

    pid: int = 0
    name: str = ""
    phase: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.pid})" if self.name else str(self.pid or "")


class Lock:
    """A held lock; `describe` tells those who wait what is being done."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def describe(self, name: str, phase: str) -> None:
        data = codec.encode_json(Holder(os.getpid(), name, phase))
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, data, 0)


@contextlib.asynccontextmanager
async def locked(path: Path, waiting: Callable[[Holder], None]) -> AsyncIterator[Lock]:
    """Hold the lock file `path`; `waiting` hears every `POLL` seconds who has it until we do."""
    descriptor = _open(path)
    try:
        while not _try(descriptor):
            waiting(_holder(descriptor))
            await asyncio.sleep(POLL)
        yield Lock(descriptor)
    finally:
        _release(descriptor)


@contextlib.contextmanager
def locked_at_once(paths: list[Path]) -> Iterator[None]:
    """Hold every one of `paths` without waiting. Raises ConflictError `binaries.cache.busy`."""
    with contextlib.ExitStack() as stack:
        for path in paths:
            descriptor = _open(path)
            stack.callback(os.close, descriptor)
            if not _try(descriptor):
                raise busy(str(_holder(descriptor)))
        yield


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _release(descriptor: int) -> None:
    if _try(descriptor):  # ours, or free: nobody's description is wiped
        os.ftruncate(descriptor, 0)
    os.close(descriptor)


def _holder(descriptor: int) -> Holder:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    except msgspec.MsgspecError:
        return Holder()
