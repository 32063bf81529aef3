"""Which key is worked on next: each at most once at a time, none forgotten, the freshest first.

A key that is added while it waits is one key; added while it is worked on, it is worked on once more
afterwards. Higher `priority` wins, the shorter wait wins; among equals the namespaces take turns and each is
first in, first out, so that one namespace with a thousand keys does not keep the others waiting. Failures
wait 5 ms, doubled up to 1000 s, and keep the priority with which the key was taken: a backlog that fails is
still backlog. Everything is in memory, bounded by the keys that wait, and belongs to one event loop.
"""

import asyncio
import heapq
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

import msgspec

K = TypeVar("K", bound=Hashable)

FRESH: Final = 0
FOLLOWING: Final = -10
"""Priority of what follows from a change, mostly our own: new counts, a child that appeared."""
BACKLOG: Final = -100
"""Priority of what existed already when we started, or comes round in a resync."""

FIRST_DELAY: Final = 0.005
LONGEST_DELAY: Final = 1000.0
RESOLUTION: Final = 1e-6
"""Seconds. A timer may ring this much early by rounding; waiting again for what is left would be a spin."""

SWEEP: Final = 64
"""Superseded entries that are left lying at least, before a sweep is worth it."""


class QueueClosed(Exception):  # noqa: N818  it is the normal end, not an error
    """`shut_down` was called and nothing is left."""


class QueueMetrics(msgspec.Struct):
    """Counters since the start; times in seconds."""

    adds: int = 0
    retries: int = 0
    taken: int = 0
    finished: int = 0
    latency_seconds: float = 0.0
    """Sum of the times between being ready and being taken."""
    work_seconds: float = 0.0
    """Sum of the times between being taken and being done."""


class _Waiting(msgspec.Struct):
    priority: int
    due: float
    serial: int


class _Taken(msgspec.Struct):
    priority: int
    at: float


class WorkQueue(Generic[K]):
    """`get` a key, work, `done`. `now` is a monotonic clock in seconds; default: the event loop's."""

    def __init__(self, *, now: Callable[[], float] | None = None) -> None:
        self.metrics = QueueMetrics()
        self._clock = now
        self._waiting: dict[K, _Waiting] = {}
        self._processing: dict[K, _Taken] = {}
        self._ready: dict[int, OrderedDict[Hashable, deque[tuple[int, K]]]] = {}
        self._delayed: list[tuple[float, int, K]] = []
        self._failures: dict[K, int] = {}
        self._getters: deque[asyncio.Future[None]] = deque()
        self._serial = 0
        self._superseded = 0
        self._closed = False

    def add(self, key: K, *, priority: int = FRESH, after: float = 0.0) -> None:
        """Have `key` worked on, in `after` seconds or sooner. Never blocks; ignored after `shut_down`."""
        if self._closed:
            return
        self.metrics.adds += 1
        due = self._now() + max(0.0, after)
        known = self._waiting.get(key)
        if known:
            due, priority = min(due, known.due), max(priority, known.priority)
            if (due, priority) == (known.due, known.priority):
                return
        self._serial += 1
        # An entry that was superseded stays where it is and is skipped by its serial, until there are many.
        self._waiting[key] = _Waiting(priority, due, self._serial)
        if known:
            self._superseded += 1
            self._sweep()
        if key not in self._processing:
            self._schedule(key)

    def add_rate_limited(self, key: K, *, priority: int | None = None) -> float:
        """Have it worked on after a wait that doubles with each failure; returns the seconds.

        `priority` None: the one with which it was taken.
        """
        if priority is None:
            taken = self._processing.get(key)
            priority = taken.priority if taken else FRESH
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.metrics.retries += 1
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures, 40))
        self.add(key, priority=priority, after=delay)
        return delay

    def forget(self, key: K) -> None:
        """It worked: the next failure is a first one."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """How often `key` failed since it was last forgotten."""
        return self._failures.get(key, 0)

    async def get(self) -> K:
        """The next key; wait for one. Raises QueueClosed."""
        while True:
            key = self._take()
            if key is not None:
                # The waiter that watches the clock for the next delayed key may have been this one.
                if self._delayed or self._ready:
                    self._wake()
                return key
            if self._closed and not self._waiting:
                raise QueueClosed
            await self._wait()

    def done(self, key: K) -> None:
        """The work on `key` ended, well or not. Whoever got a key must call this."""
        taken = self._processing.pop(key, None)
        if taken is None:
            return
        self.metrics.finished += 1
        self.metrics.work_seconds += self._now() - taken.at
        if key in self._waiting:
            self._schedule(key)
        elif self._closed:
            self._wake_all()

    def shut_down(self) -> None:
        """Take no more; `get` gives what is ready, then raises QueueClosed. Delayed keys are dropped."""
        self._closed = True
        now = self._now()
        for key in [key for key, item in self._waiting.items() if item.due > now]:
            del self._waiting[key]
        self._wake_all()

    def __len__(self) -> int:
        """Keys that wait, ready or delayed; not those being worked on."""
        return len(self._waiting)

    @property
    def entries(self) -> int:
        """What the queue holds in memory: keys that wait, and entries that were superseded."""
        ready = (keys for turns in self._ready.values() for keys in turns.values())
        return len(self._delayed) + sum(map(len, ready))

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()

    def _schedule(self, key: K) -> None:
        item = self._waiting[key]
        if item.due <= self._now():
            self._make_ready(key, item)
        else:
            heapq.heappush(self._delayed, (item.due, item.serial, key))
        self._wake()

    def _make_ready(self, key: K, item: _Waiting) -> None:
        turns = self._ready.setdefault(item.priority, OrderedDict())
        turns.setdefault(getattr(key, "namespace", None), deque()).append((item.serial, key))

    def _take(self) -> K | None:
        now = self._now()
        while self._delayed and self._delayed[0][0] <= now + RESOLUTION:
            _, serial, key = heapq.heappop(self._delayed)
            if self._is_current(key, serial):
                self._make_ready(key, self._waiting[key])
        for priority in sorted(self._ready, reverse=True):
            turns = self._ready[priority]
            while turns:
                namespace, keys = turns.popitem(last=False)
                first = self._first_of(keys)
                if keys:
                    turns[namespace] = keys
                if first is not None:
                    return self._start(first, now)
            del self._ready[priority]
        return None

    def _first_of(self, keys: deque[tuple[int, K]]) -> K | None:
        """The next key of a namespace; what was superseded costs it no turn."""
        while keys:
            serial, key = keys.popleft()
            if self._is_current(key, serial):
                return key
        return None

    def _is_current(self, key: K, serial: int) -> bool:
        item = self._waiting.get(key)
        return item is not None and item.serial == serial and key not in self._processing

    def _start(self, key: K, now: float) -> K:
        item = self._waiting.pop(key)
        self._processing[key] = _Taken(item.priority, now)
        self.metrics.taken += 1
        self.metrics.latency_seconds += max(0.0, now - item.due)
        return key

    def _sweep(self) -> None:
        """Throw away what was superseded, once that is more than what waits."""
        if self._superseded <= max(SWEEP, len(self._waiting)):
            return
        self._superseded = 0
        self._delayed = [entry for entry in self._delayed if self._is_current(entry[2], entry[1])]
        heapq.heapify(self._delayed)
        for turns in self._ready.values():
            for namespace, keys in [*turns.items()]:
                current = deque(entry for entry in keys if self._is_current(entry[1], entry[0]))
                turns[namespace] = current

    async def _wait(self) -> None:
        getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._getters.append(getter)
        next_due = self._delayed[0][0] - self._now() if self._delayed else None
        try:
            async with asyncio.timeout(next_due):
                await getter
        except TimeoutError:
            pass
        except asyncio.CancelledError:
            # We may have been woken for a key, or watch the clock for one: pass the turn on.
            self._wake()
            raise
        finally:
            if getter in self._getters:
                self._getters.remove(getter)

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    def _wake_all(self) -> None:
        while self._getters:
            self._wake()
