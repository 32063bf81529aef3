"""Waiting for what a cache or a reconciler does, without guessing how long it takes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from havok.kube.cache import Cache

T = TypeVar("T")


class Turn:
    """Something happens again and again; whoever waits looks each time whether it is enough."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()

    def happened(self) -> None:
        """Wake whoever waits."""
        self._happened.set()

    async def until(self, enough: Callable[[], bool], *, seconds: float = 15) -> None:
        """Return once `enough()`; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not enough():
                self._happened.clear()
                await self._happened.wait()


class Changes(Turn, Generic[T]):
    """Every change that a cache told."""

    def __init__(self, cache: Cache[T]) -> None:
        super().__init__()
        self.seen: list[tuple[T | None, T | None]] = []
        cache.subscribe(self._changed)

    def _changed(self, old: T | None, new: T | None) -> None:
        self.seen.append((old, new))
        self.happened()


@asynccontextmanager
async def running(*runners: Any) -> AsyncIterator[None]:
    """The `run` of each of these, as tasks, for the time of the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(runner.run()) for runner in runners]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
