"""A local copy of what the API server holds, kept by a reflector, with indexes and subscribers.

Reads cost nothing and may be a moment old; that is why reconcilers are level-triggered. Invariant: indexes
and subscribers see every change exactly once and in order, and after a reconnect also the deletions that
happened meanwhile. Objects are shared: nobody changes them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any, Final, Generic, TypeAlias, TypeVar

from havok.errors import TimedOutError
from havok.kube.client import Client, selectors
from havok.kube.resources import Resource
from havok.kube.watch import SILENCE, Counters, Key, Reflector, key_of
from havok.kube.wire import Page
from havok.log import get_logger

T = TypeVar("T")
Objects: TypeAlias = list[T]
"""A list; inside the classes that name is a method."""
Handler: TypeAlias = Callable[[T | None, T | None], None]
Index: TypeAlias = Callable[[T], Iterable[Hashable]]

RESYNC: Final = 36_000.0
"""Seconds between two deliveries of everything known (10 h, spread by 10 %), as controller-runtime does."""

log = get_logger("kube.cache")


class Store(Generic[T]):
    """The dictionary itself, without any I/O: what `Cache` keeps and what a reflector fills."""

    def __init__(self, indexes: Mapping[str, Index[T]] | None = None) -> None:
        self._objects: dict[Key, T] = {}
        self._functions = dict(indexes or {})
        self._indexes: dict[str, dict[Hashable, dict[Key, T]]] = {name: {} for name in self._functions}
        self._handlers: list[Handler[T]] = []
        self._complete = False
        self.in_backlog = False
        """True while subscribers are told what existed before us, as against a fresh change."""

    def get(self, namespace: str, name: str) -> T | None:
        """The object, or None."""
        return self._objects.get((namespace, name))

    def list(self, namespace: str | None = None) -> Objects[T]:
        """Every object, or those of one namespace; in no order."""
        if namespace is None:
            return [*self._objects.values()]
        return [obj for (where, _), obj in self._objects.items() if where == namespace]

    def by_index(self, index: str, key: Hashable) -> Objects[T]:
        """The objects that `index` put under `key`."""
        return [*self._indexes[index].get(key, {}).values()]

    def subscribe(self, handler: Handler[T]) -> None:
        """Call `handler` with (old, new) at each change; at once with (None, object) for each object."""
        self._handlers.append(handler)
        self.in_backlog = True
        try:
            for obj in [*self._objects.values()]:
                self._tell([handler], None, obj)
        finally:
            self.in_backlog = False

    def replace(self, objects: dict[Key, T], keep: set[Key]) -> None:
        """`Sink.replace`: deliver only what differs."""
        self.in_backlog, self._complete = not self._complete, True
        try:
            for key in [key for key in self._objects if key not in objects and key not in keep]:
                self.drop(key)
            for key, obj in objects.items():
                if self._objects.get(key) != obj:
                    self.put(key, obj)
        finally:
            self.in_backlog = False

    def put(self, key: Key, obj: T) -> None:
        """`Sink.put`"""
        old = self._objects.get(key)
        self._unindex(key, old)
        self._objects[key] = obj
        for name, function in self._functions.items():
            for value in _values(name, function, obj):
                self._indexes[name].setdefault(value, {})[key] = obj
        self._tell(self._handlers, old, obj)

    def drop(self, key: Key) -> None:
        """`Sink.drop`"""
        old = self._objects.pop(key, None)
        if old is not None:
            self._unindex(key, old)
            self._tell(self._handlers, old, None)

    def deliver_all(self) -> None:
        """Tell subscribers (object, object) for everything: the periodic resync."""
        self.in_backlog = True
        try:
            for obj in [*self._objects.values()]:
                self._tell(self._handlers, obj, obj)
        finally:
            self.in_backlog = False

    def _unindex(self, key: Key, old: T | None) -> None:
        if old is None:
            return
        for name, function in self._functions.items():
            index = self._indexes[name]
            for value in _values(name, function, old):
                bucket = index.get(value, {})
                bucket.pop(key, None)
                if not bucket:
                    index.pop(value, None)

    def _tell(self, handlers: Objects[Handler[T]], old: T | None, new: T | None) -> None:
        for handler in handlers:
            try:
                handler(old, new)
            except Exception:
                log.exception("handler_failed", key=key_of(new if new is not None else old))

    def __len__(self) -> int:
        return len(self._objects)


class Cache(Store[T]):
    """One kind, one selection of its objects. `run` is the body of a task; everything else is immediate.

    `namespace` None: all namespaces. `labels` and `fields` are selectors. `indexes` name functions that give
    the keys under which `by_index` finds an object. `resync` 0: never.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        *,
        view: type[T],
        namespace: str | None = None,
        labels: str = "",
        fields: str = "",
        indexes: Mapping[str, Index[T]] | None = None,
        page_size: int = 500,
        silence: float = SILENCE,
        retry: tuple[float, float] = (0.8, 30.0),
        resync: float = RESYNC,
        random: Random | None = None,
    ) -> None:
        super().__init__(indexes)
        self.resource = resource
        self._resync = resync
        self._silence = silence
        self._random = random or Random()  # noqa: S311
        self._synced = asyncio.Event()
        self._heard_at = 0.0
        self._now: Callable[[], float] = float
        self._running = False
        self._reflector = Reflector(
            ResourceFeed(client, resource, namespace, selectors(labels, fields)), self, view,
            name=str(resource), page_size=page_size, silence=silence, retry=retry,
            random=self._random,
        )  # fmt: skip

    @property
    def counters(self) -> Counters:
        """What the watch lived through."""
        return self._reflector.counters

    @property
    def has_synced(self) -> bool:
        """Whether the whole state came once, and the server was heard within twice the silence."""
        return self._synced.is_set() and self._now() - self._heard_at <= 2 * self._silence

    async def run(self) -> None:
        """Keep the copy current until cancelled; what was known stays readable afterwards."""
        if self._running:
            raise RuntimeError(f"the cache of {self.resource} runs already")
        self._running = True
        self._now = asyncio.get_running_loop().time
        self._heard_at = self._now()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._reflector.run(), name=f"watch {self.resource}")
                if self._resync:
                    group.create_task(self._resync_for_ever(), name=f"resync {self.resource}")
        finally:
            self._running = False

    async def synced(self, timeout: float = 120) -> None:
        """Wait for the first whole state. Raises TimedOutError `kube.cache.unsynced`."""
        try:
            async with asyncio.timeout(timeout):
                await self._synced.wait()
        except TimeoutError as error:
            raise TimedOutError(
                "kube.cache.unsynced",
                f"the list of {self.resource} did not come within {timeout:.0f} s",
                "check that the API server is healthy and that our role may list and watch it",
                resource=str(self.resource), seconds=timeout,
            ) from error  # fmt: skip

    def replace(self, objects: dict[Key, T], keep: set[Key]) -> None:
        """`Sink.replace`"""
        super().replace(objects, keep)
        self._synced.set()

    def heard(self) -> None:
        """`Sink.heard`"""
        self._heard_at = self._now()

    async def _resync_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._resync * self._random.uniform(0.9, 1.1))
            self.deliver_all()


class ResourceFeed:
    """The bytes of one kind, from a real API server."""

    def __init__(
        self, client: Client, resource: Resource, namespace: str | None, params: dict[str, str]
    ) -> None:
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._params = params

    async def page(self, params: dict[str, str]) -> Page:
        """One page of the list."""
        return await self._client.page(self._resource, self._namespace, {**self._params, **params})

    def watch(self, params: dict[str, str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The stream of changes."""
        return self._client.stream(self._resource.path(self._namespace), {**self._params, **params})


def _values(name: str, function: Index[T], obj: Any) -> list[Hashable]:
    """The keys of an object; a failing index function loses the object for that index, not the cache."""
    try:
        return [*function(obj)]
    except Exception:
        log.exception("index_failed", index=name, key=key_of(obj))
        return []
