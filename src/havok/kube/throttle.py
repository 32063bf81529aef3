"""How often we ask, and how long we wait before asking again.

Arithmetic over a clock and a random source that are passed in, and a turnstile.
"""

import asyncio
from collections.abc import Callable
from random import Random


class TokenBucket:
    """Allows `burst` at once and `rate` a second on average; callers sleep the time that `reserve` tells."""

    def __init__(self, rate: float, burst: float, now: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._tokens = burst
        self._at = now()

    def reserve(self) -> float:
        """Take one token, perhaps of the future; the seconds until it is there. First come, first served."""
        self._refill()
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)

    def try_take(self) -> bool:
        """Take one token if it is there now."""
        self._refill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _refill(self) -> None:
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class Backoff:
    """Delays that double from `first` to `most` seconds, each cut to a random part (full jitter).

    `floor` is the least part, 0..1: reconnecting crowds need a spread, never a wait of nothing.
    """

    def __init__(self, first: float, most: float, random: Random, *, floor: float = 0.0) -> None:
        self._first = first
        self._most = most
        self._random = random
        self._floor = floor
        self._failures = 0

    def next(self) -> float:
        """The seconds to wait after one more failure."""
        ceiling = min(self._most, self._first * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return self._random.uniform(ceiling * self._floor, ceiling)

    def reset(self) -> None:
        """It worked; the next failure is a first one."""
        self._failures = 0


class Turnstile:
    """Lets at most `width` in at once; the others wait in the order they came."""

    def __init__(self, width: int) -> None:
        self._free = asyncio.Semaphore(width)

    async def enter(self) -> "Pass":
        """Wait for a place; it is taken until `Pass.leave`."""
        await self._free.acquire()
        return Pass(self._free)


class Pass:
    """A place behind a turnstile."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free: asyncio.Semaphore | None = free

    def leave(self) -> None:
        """Give the place to the next; harmless when it was given already."""
        free, self._free = self._free, None
        if free is not None:
            free.release()
