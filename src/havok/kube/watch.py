"""A reflector: keeps a `Sink` equal to what the API server holds, for ever.

The story of one watch: ask for the whole state and everything after it in one stream (WatchList, KEP-3157);
a server that refuses that gives the state in pages, then a watch from there. Bookmarks move the point to
resume from. The stream may end, break, fall silent or be too old; each has its answer:

    it ends, breaks             go on from the last resourceVersion, after a jittered wait when it was young
    410, as status or in it     the whole state again, after 0.8-30 s, so that a crowd does not come at once
    70 s without a byte         dead (bookmarks come every 60 s): as broken; twice in a row without one byte
                                the resume point may be a lie: the whole state again
    an error inside it          as broken
    it contradicts itself       the whole state again; one that is older than ours is refused (`history`)
    no whole state comes        another way of asking (`state`)
    the kind is not there       404: waited for; after a minute its objects count as removed
    one undecodable object      counted and logged; the object known before stays
    an unknown kind of event    ignored

Invariant: after each whole state, what is not in it was reported as removed, and nothing that is told is
older than what was told before. It must not know what is done with the objects.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from havok.kube.change import BOOKMARK, DELETED, ERROR, OF_OBJECTS, ChangeDecoder, Meta, Unreadable, error_of
from havok.kube.counters import Counters
from havok.kube.errors import Gone, KubeError, NotFound, Unreachable
from havok.kube.history import Contradiction, History
from havok.kube.key import Key, key_of, version_of
from havok.kube.lines import LineSplitter
from havok.kube.state import Approach, Feed, StateReader, WholeState
from havok.kube.throttle import Backoff, Pass
from havok.log import get_logger

T = TypeVar("T")

SILENCE: Final = 70.0
MUTE: Final = 2
"""Streams in a row without one byte, after which the resume point is not believed any more."""

FORGET_AFTER: Final = 60.0
"""Seconds of 404 after which a kind is believed to be gone with its objects. Not at once: a starting API
server says 404 too, for kinds that come from definitions."""

log = get_logger("kube.watch")


class Sink(Protocol[T]):
    """Who keeps the objects. Calls are synchronous and must not raise."""

    def replace(self, objects: dict[Key, T], keep: set[Key]) -> None:
        """This is everything; keys in `keep` exist too and could not be decoded."""

    def put(self, key: Key, obj: T) -> None: ...
    def drop(self, key: Key) -> None: ...
    def vanish(self) -> None:
        """The kind itself is gone, and all its objects with it."""

    def is_newer(self, objects: dict[Key, T]) -> bool:
        """Whether we know one of these in a newer version."""

    def heard(self) -> None:
        """The server is alive and we are at its present."""


class Silent(Unreachable):
    """Nothing came for too long. `mute`: not even one byte."""

    mute = False


class Reflector(Generic[T]):
    """One kind, one selection, one sink. `run` is the body of a task that somebody owns."""

    def __init__(
        self,
        feed: Feed,
        sink: Sink[T],
        view: type[T],
        *,
        name: str,
        page_size: int = 500,
        silence: float = SILENCE,
        retry: tuple[float, float] = (0.8, 30.0),
        lifetime: tuple[float, float] = (290.0, 590.0),
        forget_after: float = FORGET_AFTER,
        random: Random | None = None,
        start: Callable[[], Awaitable[Pass]] | None = None,
    ) -> None:
        self.counters = Counters()
        self.problem: KubeError | None = None
        """Why nothing comes at the moment."""
        self._feed = feed
        self._sink = sink
        self._decoder = ChangeDecoder(view)
        self._name = name
        self._silence = silence
        self._lifetime = lifetime
        self._forget_after = forget_after
        self._random = random or Random()  # noqa: S311
        self._backoff = Backoff(*retry, self._random, floor=0.5)
        self._doubts = Backoff(*retry, self._random, floor=0.5)
        self._history = History(name, self.counters)
        self._approach = Approach(_now)
        self._reader = StateReader(feed, view, name=name, size=page_size, spoiled=self._spoil)
        self._start = start
        self._place: Pass | None = None
        self._fresh: WholeState[T] | None = None
        self._mute = 0
        self._missing_since: float | None = None

    async def run(self) -> None:
        """Until cancelled. Nothing that the server does ends it."""
        wait = 0.0
        while True:
            await asyncio.sleep(wait)
            wait = await self._attempt()

    async def _attempt(self) -> float:
        """One stream, with the state before it where one is needed; the seconds to wait before the next."""
        began = _now()
        try:
            await self._once()
        except KubeError as error:
            return self._answer(error)
        finally:
            self._leave()
        # A server that ends each stream at once must not make us spin.
        return 0.0 if _now() - began > 1 else self._backoff.next()

    async def _once(self) -> None:
        if not self._history.version and self._start:
            self._place = await self._start()
        if not self._history.version and not self._approach.streams:
            how = {"resourceVersion": self._history.at_least, "resourceVersionMatch": "NotOlderThan"}
            state, version = await self._reader.read(how if self._approach.from_cache else {})
            self._adopt(state, version)
        self._fresh = None if self._history.version else WholeState()
        before = self.counters.events
        try:
            await self._follow(self._parameters())
        except Contradiction:
            raise
        except KubeError:
            self._ended(before)
            raise
        self._ended(before)

    def _ended(self, before: int) -> None:
        if self.counters.events > before:
            self._history.was_in_order()
            self._doubts.reset()

    def _parameters(self) -> dict[str, str]:
        seconds = self._random.uniform(*self._lifetime)
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        if self._history.version:
            return {**params, "resourceVersion": self._history.version}
        # No version beside it: then the state is at least as new as the request (a consistent read).
        return {**params, "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}

    async def _follow(self, params: dict[str, str]) -> None:
        splitter = LineSplitter()
        at = _now()
        heard = False
        try:
            async with asyncio.timeout(self._silence) as deadline, self._feed.watch(params) as blocks:
                self.counters.streams += 1
                async for block in blocks:
                    now, heard = _now(), True
                    # A timer for each block costs more than the block; a sixty-fourth late is early enough.
                    if now - at > self._silence / 64:
                        deadline.reschedule(now + self._silence)
                        at = now
                    for line in splitter.feed(block):
                        self._take(line)
                    self._sink.heard()
        except TimeoutError as error:
            raise self._silent(mute=not heard) from error

    def _take(self, line: bytes) -> None:
        change = self._decoder.decode(line)
        if change is None:
            self.counters.undecodable += 1
            log.warning("event_undecodable", watch=self._name, size=len(line))
            return
        self.counters.events += 1
        kind, found = change
        if isinstance(found, Unreadable):
            self._take_odd(kind, found)
        elif self._fresh is not None:
            self._gather(self._fresh, kind, found)
        else:
            self._move(version_of(found))
            self._tell(kind, found)

    def _tell(self, kind: str, obj: T) -> None:
        if kind == DELETED:
            self._sink.drop(key_of(obj))
        else:
            self._sink.put(key_of(obj), obj)

    def _gather(self, state: WholeState[T], kind: str, obj: T) -> None:
        if kind == DELETED:
            state.drop(key_of(obj))
        else:
            state.put(key_of(obj), obj)

    def _take_odd(self, kind: str, found: Unreadable) -> None:
        if kind == ERROR:
            raise error_of(found.raw, self._name)
        if kind == BOOKMARK:
            self._bookmark(found.meta)
        elif kind == DELETED and self._fresh is not None:
            self._fresh.drop(found.meta.key)
        elif kind in OF_OBJECTS:
            self._take_broken(kind, found)

    def _take_broken(self, kind: str, found: Unreadable) -> None:
        if self._fresh is not None:
            self._spoil(self._fresh, found.raw)
            return
        self._move(found.meta.resource_version)
        if kind == DELETED:
            self._sink.drop(found.meta.key)
        else:
            self._count_bad(found.meta)

    def _bookmark(self, meta: Meta) -> None:
        if self._fresh is None:
            self._history.bookmark(meta.resource_version)
            self._progress()
        elif meta.ends_the_state:
            fresh, self._fresh = self._fresh, None
            self._adopt(fresh, meta.resource_version)
        else:
            raise KubeError(
                "kube.watch.plain",
                f"the server does not stream the whole state of {self._name}",
                "nothing to do: it is asked for pages",
                status=501, name=self._name,
            )  # fmt: skip

    def _adopt(self, state: WholeState[T], version: str) -> None:
        self._history.adopt(version, older=self._sink.is_newer(state.objects))
        self._sink.replace(state.objects, state.bad)
        self._leave()
        self.counters.relists += 1
        self._approach.succeeded()
        self._progress()
        self._sink.heard()

    def _leave(self) -> None:
        if self._place:
            self._place.leave()

    def _move(self, version: str) -> None:
        self._history.event(version)
        self._progress()

    def _progress(self) -> None:
        self._backoff.reset()
        self._mute, self._missing_since, self.problem = 0, None, None

    def _spoil(self, state: WholeState[T], raw: msgspec.Raw) -> None:
        meta = self._decoder.meta(raw)
        self._count_bad(meta)
        state.spoil(meta.key)

    def _count_bad(self, meta: Meta) -> None:
        self.counters.undecodable += 1
        log.warning("object_undecodable", watch=self._name, namespace=meta.namespace, name=meta.name)

    def _answer(self, error: KubeError) -> float:
        """What a failure means for the next try; the seconds to wait before it."""
        if isinstance(error, Contradiction):
            self._history.forget()
            return self._failed(error, self._doubts)
        if isinstance(error, Gone):
            self.counters.gone += 1
            self._history.forget()
        elif isinstance(error, Silent):
            self._was_silent(error)
        elif isinstance(error, NotFound):
            self._history.forget()
            self._miss()
        if not self._history.version:
            if self._approach.refused(error, silent=isinstance(error, Silent)):
                tell = log.debug if self.problem else log.info
                tell("watchlist_refused", watch=self._name, status=error.status)
                return 0.0
            self._approach.failed(error)
        return self._failed(error, self._backoff)

    def _was_silent(self, error: Silent) -> None:
        self.counters.silent += 1
        self._mute = self._mute + 1 if error.mute else 0
        if self._mute >= MUTE:
            self._mute = 0
            self._history.forget()

    def _miss(self) -> None:
        now = _now()
        if self._missing_since is None:
            self._missing_since = now
        elif now - self._missing_since >= self._forget_after:
            self.counters.vanished += 1
            self._missing_since = now
            self._sink.vanish()

    def _failed(self, error: KubeError, backoff: Backoff) -> float:
        self.counters.errors += 1
        wait = max(backoff.next(), error.retry_after or 0.0)
        # A kind that is not there yet, or not allowed yet, may stay so for days: said once.
        again = self.problem is not None and self.problem.code == error.code
        tell = log.debug if again else log.warning
        tell("watch_failed", watch=self._name, code=error.code, cause=error.message, retry_in=wait)
        self.problem = error
        return wait

    def _silent(self, *, mute: bool) -> Silent:
        error = Silent(
            "kube.watch.silent",
            f"the watch of {self._name} heard nothing for {self._silence:.0f} s",
            "nothing to do: it is being opened again",
            name=self._name, seconds=self._silence,
        )  # fmt: skip
        error.mute = mute
        return error


def _now() -> float:
    return asyncio.get_running_loop().time()
