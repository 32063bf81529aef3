"""Asking for everything: how, and what comes of it.

A stream that begins with the whole state (WatchList) is best for both sides. A server that does not know it
is asked for pages, and after an hour for the stream again. A server that cannot give a consistent answer at
the moment (its etcd has no leader) may still give what is in its own cache: every third try asks for that,
never for less than we know.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from havok.kube.change import MISSHAPEN
from havok.kube.errors import Gone, KubeError
from havok.kube.key import Key, key_of
from havok.kube.wire import PageDecoder

T = TypeVar("T")

PROBE_AGAIN: Final = 3600.0
"""Seconds after which a server that refused WatchList is asked for it again; it may have been upgraded."""

REFUSALS: Final = frozenset({400, 403, 404, 405, 406, 422, 501})
"""Answers to a WatchList that may mean "I do not know this", so that pages are tried instead."""

OF_THE_KIND: Final = frozenset({403, 404})
"""Of these, the ones that say nothing about WatchList when pages get them too."""

FROM_CACHE: Final = 3


class Feed(Protocol):
    """Where the bytes come from: an API server, or a model of one that misbehaves on purpose."""

    async def page(self, params: dict[str, str]) -> bytes: ...
    def watch(self, params: dict[str, str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]: ...


class WholeState(msgspec.Struct, Generic[T]):
    """Everything there is; keys in `bad` exist too and could not be decoded."""

    objects: dict[Key, T] = msgspec.field(default_factory=dict)
    bad: set[Key] = msgspec.field(default_factory=set)

    def put(self, key: Key, obj: T) -> None:
        """There is this object."""
        self.bad.discard(key)
        self.objects[key] = obj

    def spoil(self, key: Key) -> None:
        """There is an object that cannot be decoded."""
        self.objects.pop(key, None)
        self.bad.add(key)

    def drop(self, key: Key) -> None:
        """There is no such object."""
        self.objects.pop(key, None)
        self.bad.discard(key)


class Approach:
    """Which way of asking is next. `now` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._stream_from = 0.0
        self._unanswered = 0

    @property
    def from_cache(self) -> bool:
        """Whether the server's own cache is asked, since nothing consistent came."""
        return self._unanswered % FROM_CACHE == FROM_CACHE - 1

    @property
    def streams(self) -> bool:
        """Whether one stream is to bring everything."""
        return not self.from_cache and self._now() >= self._stream_from

    def refused(self, error: KubeError, *, silent: bool) -> bool:
        """Whether the stream was refused as such, so that pages are next, at once."""
        if not self.streams or not (silent or error.status in REFUSALS):
            return False
        self._stream_from = self._now() + PROBE_AGAIN
        return True

    def failed(self, error: KubeError) -> None:
        """No whole state came."""
        if error.status in OF_THE_KIND:
            # It was the kind or the right that was missing: nothing is known about streams.
            self._stream_from = 0.0
        if self.from_cache or error.status == 0 or error.status >= 500:
            self._unanswered += 1

    def succeeded(self) -> None:
        """A whole state came."""
        self._unanswered = 0


class StateReader(Generic[T]):
    """A list, page by page. `spoiled` puts what does not fit the view into the state."""

    def __init__(
        self,
        feed: Feed,
        view: type[T],
        *,
        name: str,
        size: int,
        spoiled: Callable[[WholeState[T], msgspec.Raw], None],
    ) -> None:
        self._feed = feed
        self._decoder = PageDecoder(view, f"the list of {name}")
        self._size = size
        self._spoiled = spoiled
        self._version = ""

    async def read(self, how: dict[str, str]) -> tuple[WholeState[T], str]:
        """Everything, and its version. A token that expired starts again without pages."""
        state = WholeState[T]()
        token = self._add(state, await self._feed.page({"limit": str(self._size)} | how))
        while token:
            try:
                body = await self._feed.page({"limit": str(self._size), "continue": token})
            except Gone:
                state = WholeState[T]()
                body = await self._feed.page(how)
            token = self._add(state, body)
        return state, self._version

    def _add(self, state: WholeState[T], body: bytes) -> str:
        page = self._decoder.decode(body)
        for obj in page.items:
            try:
                state.put(key_of(obj), obj)
            except MISSHAPEN:
                page.broken.append(msgspec.Raw(msgspec.json.encode(obj)))
        for raw in page.broken:
            self._spoiled(state, raw)
        self._version = page.metadata.resource_version
        return page.metadata.continue_
