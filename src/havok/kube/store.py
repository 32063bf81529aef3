"""The dictionary of a cache, without any I/O: objects, indexes over them, and who is told of changes.

Invariant: subscribers see every change exactly once and in order, indexes are right whenever one is called,
and an object that was deleted and made anew under its name is told as a deletion and a new object.
Objects are shared: nobody changes them.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final, Generic, TypeAlias, TypeVar

from havok.kube.history import is_older
from havok.kube.key import Key, key_of, uid_of, version_of
from havok.log import get_logger

T = TypeVar("T")
Objects: TypeAlias = list[T]
"""A list; inside the classes that name is a method."""
Handler: TypeAlias = Callable[[T | None, T | None], None]
Index: TypeAlias = Callable[[T], Iterable[Hashable]]
"""The values under which an object is found. Must give the same for the same object."""
Keep: TypeAlias = Callable[[T], T | None]
"""What is kept of an object; None: nothing, as if it did not exist."""

BY_NAMESPACE: Final = "havok.namespace"

log = get_logger("kube.store")


class Store(Generic[T]):
    """What `Cache` keeps and what a reflector fills."""

    def __init__(self, indexes: Mapping[str, Index[T]] | None = None, *, keep: Keep[T] | None = None) -> None:
        self._objects: dict[Key, T] = {}
        self._indexes = {name: _Buckets(name, function) for name, function in (indexes or {}).items()}
        self._handlers: list[Handler[T]] = []
        self._keep = keep
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
        if BY_NAMESPACE not in self._indexes:
            self.add_index(BY_NAMESPACE, lambda obj: (key_of(obj)[0],))
        return self.by_index(BY_NAMESPACE, namespace)

    def by_index(self, index: str, value: Hashable) -> Objects[T]:
        """The objects that `index` put under `value`."""
        return [self._objects[key] for key in self._indexes[index].keys_of(value)]

    def add_index(self, name: str, function: Index[T]) -> None:
        """Index what is there and what comes by `function`. Adding the same one again does nothing."""
        if (known := self._indexes.get(name)) is not None:
            if known.function is not function:
                raise ValueError(f"there is another index {name} already")
            return
        buckets = self._indexes[name] = _Buckets(name, function)
        for key, obj in self._objects.items():
            buckets.move(key, None, obj)

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
                if not self._is_known(key, obj):
                    self.put(key, obj)
        finally:
            self.in_backlog = False

    def put(self, key: Key, obj: T) -> None:
        """`Sink.put`"""
        kept: T | None = obj
        if self._keep is not None:
            try:
                kept = self._keep(obj)
            except Exception:
                log.exception("keep_failed", key=key)
                return
        if kept is None:
            self.drop(key)
        else:
            self._put(key, kept)

    def drop(self, key: Key) -> None:
        """`Sink.drop`"""
        old = self._objects.pop(key, None)
        if old is not None:
            self._move(key, old, None)

    def vanish(self) -> None:
        """`Sink.vanish`"""
        for key in [*self._objects]:
            self.drop(key)

    def is_newer(self, objects: dict[Key, T]) -> bool:
        """`Sink.is_newer`"""
        known = self._objects
        return any(
            key in known and is_older(version_of(obj), version_of(known[key])) for key, obj in objects.items()
        )

    def deliver_all(self) -> None:
        """Tell subscribers (object, object) for everything: the periodic resync."""
        self.in_backlog = True
        try:
            for obj in [*self._objects.values()]:
                self._tell(self._handlers, obj, obj)
        finally:
            self.in_backlog = False

    def _is_known(self, key: Key, obj: T) -> bool:
        known = self._objects.get(key)
        if known is None:
            return False
        if self._keep is None:
            return known == obj
        version = version_of(obj)
        return bool(version) and version == version_of(known)

    def _put(self, key: Key, obj: T) -> None:
        old = self._objects.get(key)
        if old is not None and uid_of(old) != uid_of(obj):
            self.drop(key)
            old = None
        self._objects[key] = obj
        self._move(key, old, obj)

    def _move(self, key: Key, old: T | None, new: T | None) -> None:
        for buckets in self._indexes.values():
            buckets.move(key, old, new)
        self._tell(self._handlers, old, new)

    def _tell(self, handlers: Objects[Handler[T]], old: T | None, new: T | None) -> None:
        for handler in handlers:
            try:
                handler(old, new)
            except Exception:
                log.exception("handler_failed", key=key_of(new if new is not None else old))

    def __len__(self) -> int:
        return len(self._objects)


class _Buckets(Generic[T]):
    """One index: the keys of the objects under each value."""

    def __init__(self, name: str, function: Index[T]) -> None:
        self.function = function
        self._name = name
        self._buckets: dict[Hashable, dict[Key, None]] = {}

    def keys_of(self, value: Hashable) -> Iterable[Key]:
        """The keys under `value`."""
        return self._buckets.get(value, ())

    def move(self, key: Key, old: T | None, new: T | None) -> None:
        """`old` became `new`; most changes change no index."""
        before = () if old is None else self._values(key, old)
        after = () if new is None else self._values(key, new)
        if before == after:
            return
        for value in before:
            bucket = self._buckets.get(value, {})
            bucket.pop(key, None)
            if not bucket:
                self._buckets.pop(value, None)
        for value in after:
            self._buckets.setdefault(value, {})[key] = None

    def _values(self, key: Key, obj: Any) -> tuple[Hashable, ...]:
        """A failing function loses the object for this index, not the cache."""
        try:
            return tuple(self.function(obj))
        except Exception:
            log.exception("index_failed", index=self._name, key=key)
            return ()
