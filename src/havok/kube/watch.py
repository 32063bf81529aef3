"""A reflector: keeps a `Sink` equal to what the API server holds, for ever.

The story of one watch: ask for the whole state and everything after it in one stream (WatchList, KEP-3157);
a server that refuses that gives the state in pages, then a watch from there. Bookmarks move the point to
resume from. The stream may end, break, fall silent or be too old; each has its answer:

    it ends, breaks             go on from the last resourceVersion, after a jittered wait when it was young
    410, as status or in it     the whole state again, after 0.8-30 s, so that a crowd does not come at once
    70 s without a byte         dead (bookmarks come every 60 s): as broken
    an error inside it          as broken
    one undecodable object      counted and logged; the object known before stays
    an unknown kind of event    ignored

Invariant: after each whole state, what is not in it was reported as removed. It must not know what is done
with the objects.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from havok.kube.errors import Gone, KubeError, Status, Unreachable, from_status
from havok.kube.lines import LineSplitter
from havok.kube.throttle import Backoff
from havok.kube.wire import Page, decode_items
from havok.log import get_logger

T = TypeVar("T")
Key: TypeAlias = tuple[str, str]
"""(namespace, name); the namespace is empty for cluster-wide kinds."""

SILENCE: Final = 70.0
INITIAL_END: Final = "k8s.io/initial-events-end"
REFUSALS: Final = frozenset({400, 403, 404, 405, 406, 422, 501})
"""Answers to a WatchList that may mean "I do not know this", so that pages are tried instead."""

log = get_logger("kube.watch")


class Feed(Protocol):
    """Where the bytes come from: an API server, or a model of one that misbehaves on purpose."""

    async def page(self, params: dict[str, str]) -> Page: ...
    def watch(self, params: dict[str, str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]: ...


class Sink(Protocol[T]):
    """Who keeps the objects. Calls are synchronous and must not raise."""

    def replace(self, objects: dict[Key, T], keep: set[Key]) -> None:
        """This is everything; keys in `keep` exist too and could not be decoded."""

    def put(self, key: Key, obj: T) -> None: ...
    def drop(self, key: Key) -> None: ...
    def heard(self) -> None:
        """The server is alive and we are at its present."""


class Counters:
    """What a reflector lived through; read by metrics."""

    __slots__ = ("errors", "events", "gone", "relists", "silent", "streams", "undecodable")

    def __init__(self) -> None:
        self.events = 0
        self.relists = 0
        self.streams = 0
        self.gone = 0
        self.silent = 0
        self.errors = 0
        self.undecodable = 0


class _Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class _Shell(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class Silent(Unreachable):
    """Nothing came for too long."""


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
        random: Random | None = None,
    ) -> None:
        self.counters = Counters()
        self._feed = feed
        self._sink = sink
        self._event = msgspec.json.Decoder(_Event)
        self._object = msgspec.json.Decoder(view)
        self._shell = msgspec.json.Decoder(_Shell)
        self._view = view
        self._name = name
        self._page_size = page_size
        self._silence = silence
        self._lifetime = lifetime
        self._random = random or Random()  # noqa: S311
        self._backoff = Backoff(*retry, self._random, floor=0.5)
        self._streaming = True
        self._version = ""
        self._fresh: dict[Key, T] | None = None
        self._bad: set[Key] = set()

    async def run(self) -> None:
        """Until cancelled. Nothing that the server does ends it."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._once()
                # A server that ends each stream at once must not make us spin.
                wait = 0.0 if loop.time() - began > 1 else self._backoff.next()
            except Gone as error:
                self.counters.gone += 1
                self._version = ""
                wait = self._failed(error)
            except KubeError as error:
                wait = 0.0 if self._fell_back(error) else self._failed(error)
            await asyncio.sleep(wait)

    async def _once(self) -> None:
        if not self._version and not self._streaming:
            await self._list()
        self._fresh = None if self._version else {}
        self._bad = set()
        await self._follow(self._parameters())

    def _parameters(self) -> dict[str, str]:
        seconds = self._random.uniform(*self._lifetime)
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        if self._version:
            return {**params, "resourceVersion": self._version}
        return {**params, "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}

    async def _list(self) -> None:
        objects: dict[Key, T] = {}
        bad: set[Key] = set()
        token = ""
        while True:
            params = {"limit": str(self._page_size)} | ({"continue": token} if token else {})
            try:
                page = await self._feed.page(params)
            except Gone:
                if not token:
                    raise
                objects, bad, token = {}, set(), ""
                page = await self._feed.page({})
            good, broken = decode_items(page.items or [], self._view)
            for raw in broken:
                bad.add(self._count_bad(raw)[0])
            objects |= {key_of(obj): obj for obj in good}
            token = page.metadata.continue_
            if not token:
                break
        self._adopt(objects, bad, page.metadata.resource_version)

    async def _follow(self, params: dict[str, str]) -> None:
        splitter = LineSplitter()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._silence) as deadline, self._feed.watch(params) as blocks:
                self.counters.streams += 1
                async for block in blocks:
                    deadline.reschedule(loop.time() + self._silence)
                    for line in splitter.feed(block):
                        self._take(line)
                    self._sink.heard()
        except TimeoutError as error:
            self.counters.silent += 1
            raise Silent(
                "kube.watch.silent",
                f"the watch of {self._name} heard nothing for {self._silence:.0f} s",
                "nothing to do: it is being opened again",
                name=self._name, seconds=self._silence,
            ) from error  # fmt: skip

    def _take(self, line: bytes) -> None:
        try:
            event = self._event.decode(line)
        except msgspec.MsgspecError:
            self.counters.undecodable += 1
            log.warning("event_undecodable", watch=self._name, size=len(line))
            return
        self.counters.events += 1
        if event.type in ("ADDED", "MODIFIED"):
            self._put(event.object)
        elif event.type == "DELETED":
            self._delete(event.object)
        elif event.type == "BOOKMARK":
            self._bookmark(event.object)
        elif event.type == "ERROR":
            raise self._in_stream(event.object)

    def _put(self, raw: msgspec.Raw) -> None:
        try:
            obj = self._object.decode(raw)
        except msgspec.MsgspecError:
            key, version = self._count_bad(raw)
            if self._fresh is not None:
                self._bad.add(key)
        else:
            key, version = key_of(obj), version_of(obj)
            if self._fresh is not None:
                self._fresh[key] = obj
            else:
                self._sink.put(key, obj)
        self._move(version)

    def _delete(self, raw: msgspec.Raw) -> None:
        meta = self._meta(raw)
        key = (meta.namespace, meta.name)
        if self._fresh is not None:
            self._fresh.pop(key, None)
            self._bad.discard(key)
        else:
            self._sink.drop(key)
        self._move(meta.resource_version)

    def _bookmark(self, raw: msgspec.Raw) -> None:
        meta = self._meta(raw)
        if self._fresh is not None and (meta.annotations or {}).get(INITIAL_END) == "true":
            fresh, self._fresh = self._fresh, None
            self._adopt(fresh, self._bad, meta.resource_version)
        self._move(meta.resource_version)

    def _adopt(self, objects: dict[Key, T], bad: set[Key], version: str) -> None:
        self._sink.replace(objects, bad)
        self._version = version
        self.counters.relists += 1
        self._backoff.reset()
        self._sink.heard()

    def _move(self, version: str) -> None:
        # While the first state is still coming there is nothing yet that could be resumed.
        if version and self._fresh is None:
            self._version = version
            self._backoff.reset()

    def _in_stream(self, raw: msgspec.Raw) -> KubeError:
        try:
            status = msgspec.json.decode(raw, type=Status)
        except msgspec.MsgspecError:
            status = Status(message="an error without a reason came in the stream", code=500)
        return from_status(status.code or 500, status, verb="WATCH", path=self._name)

    def _count_bad(self, raw: msgspec.Raw) -> tuple[Key, str]:
        self.counters.undecodable += 1
        meta = self._meta(raw)
        log.warning("object_undecodable", watch=self._name, namespace=meta.namespace, name=meta.name)
        return (meta.namespace, meta.name), meta.resource_version

    def _meta(self, raw: msgspec.Raw) -> _Meta:
        try:
            return self._shell.decode(raw).metadata
        except msgspec.MsgspecError:
            return _Meta()

    def _fell_back(self, error: KubeError) -> bool:
        """Whether this was the server not knowing WatchList, so that pages are next."""
        if self._version or not self._streaming:
            return False
        if error.status not in REFUSALS and not isinstance(error, Silent):
            return False
        self._streaming = False
        log.info("watchlist_refused", watch=self._name, status=error.status)
        return True

    def _failed(self, error: KubeError) -> float:
        self.counters.errors += 1
        wait = max(self._backoff.next(), error.retry_after or 0.0)
        log.warning("watch_failed", watch=self._name, code=error.code, cause=error.message, retry_in=wait)
        return wait


def key_of(obj: Any) -> Key:
    """(namespace, name) of a view or a dict."""
    if isinstance(obj, dict):
        meta = obj["metadata"]
        return meta.get("namespace", ""), meta["name"]
    return obj.metadata.namespace, obj.metadata.name


def version_of(obj: Any) -> str:
    """resourceVersion of a view or a dict."""
    if isinstance(obj, dict):
        return str(obj["metadata"].get("resourceVersion", ""))
    return str(obj.metadata.resource_version)
