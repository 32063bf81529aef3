"""A controller: objects change, requests queue up, workers make the world as it should be.

Level-triggered: a request is a namespace and a name and says nothing about what happened. The reconciler
reads the present from caches and decides; running it twice, late, or for an object that is gone must be
harmless. Invariant: one request is worked on by one worker at a time, and no failure of a reconciler ends the
controller.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from havok.errors import HavokError
from havok.kube.cache import Cache
from havok.kube.key import key_of
from havok.kube.resources import Resource
from havok.kube.workqueue import BACKLOG, FOLLOWING, FRESH, QueueClosed, WorkQueue
from havok.log import get_logger

T = TypeVar("T")


class Request(msgspec.Struct, frozen=True):
    """Which object to look at; the namespace is empty for cluster-wide kinds."""

    namespace: str
    name: str


class Result(msgspec.Struct, frozen=True):
    """What a reconciler may return: come back `after` seconds, though nothing failed."""

    after: float | None = None


class TerminalError(Exception):
    """Trying again cannot help until something changes; the request is not retried."""


Reconcile: TypeAlias = Callable[[Request], Awaitable[Result | None]]
Mapper: TypeAlias = Callable[[T | None, T | None], Iterable[Request]]


class Observer(Protocol):
    """What metrics want to know of each run; `outcome` is success, requeue, error, terminal or timeout."""

    def __call__(self, controller: str, outcome: str, seconds: float) -> None: ...


class Controller:
    """`watch` what matters, then `run`. `workers` at once, each run at most `timeout` seconds.

    The caches belong to the caller, who runs them; that way several controllers share one, and a candidate
    that does not lead yet keeps its caches warm. `run` may be called again after it was cancelled.
    """

    def __init__(
        self,
        name: str,
        reconcile: Reconcile,
        *,
        workers: int = 4,
        timeout: float = 60,
        observe: Observer | None = None,
    ) -> None:
        self.name = name
        self.queue: WorkQueue[Request] = WorkQueue()
        self._reconcile = reconcile
        self._workers = workers
        self._timeout = timeout
        self._observe = observe
        self._caches: list[tuple[Cache[Any], Mapper[Any]]] = []
        self._running = False
        self._log = get_logger("kube.controller").bind(controller=name)

    def watch(self, cache: Cache[T], to_requests: Mapper[T] | None = None) -> None:
        """Queue what `to_requests` (old, new) names at each change in `cache`; default: the object itself.

        What a person wants comes before what follows from it (`urgency`), so that a change does not stand in
        line behind the answers to a thousand earlier ones. Under a load without end status may so be late.
        """
        mapper = to_requests or itself
        self._caches.append((cache, mapper))

        def changed(old: T | None, new: T | None) -> None:
            if self._running:
                fresh = urgency(old, new, primary=to_requests is None)
                self._queue_all(mapper, old, new, BACKLOG if cache.in_backlog else fresh)

        cache.subscribe(changed)

    def watch_owned(self, cache: Cache[T], owner: Resource) -> None:
        """Queue the `owner` that manages (controller reference) the object that changed."""
        self.watch(cache, lambda old, new: owners(owner, old, new))

    def add(self, request: Request, *, priority: int = FRESH) -> None:
        """Queue a request from elsewhere."""
        self.queue.add(request, priority=priority)

    async def run(self, *, sync_timeout: float = 120) -> None:
        """Wait for the caches, take everything in them as backlog, then work until cancelled.

        Raises TimedOutError `kube.cache.unsynced` when a cache stays empty for `sync_timeout` seconds.
        """
        for cache, _ in self._caches:
            await cache.synced(sync_timeout)
        self._running = True
        try:
            for cache, mapper in self._caches:
                for obj in cache.list():
                    self._queue_all(mapper, None, obj, BACKLOG)
            async with asyncio.TaskGroup() as group:
                for number in range(self._workers):
                    group.create_task(self._work(), name=f"{self.name} worker {number}")
        finally:
            self._running = False

    def _queue_all(self, mapper: Mapper[T], old: T | None, new: T | None, priority: int) -> None:
        try:
            requests = [*mapper(old, new)]
        except Exception:
            self._log.exception("mapping_broke", key=key_of(new if new is not None else old))
            return
        for request in requests:
            self.queue.add(request, priority=priority)

    async def _work(self) -> None:
        while True:
            try:
                request = await self.queue.get()
            except QueueClosed:
                return
            began = asyncio.get_running_loop().time()
            outcome = "cancelled"
            try:
                outcome = await self._attempt(request)
            finally:
                self.queue.done(request)
                if self._observe:
                    self._observe(self.name, outcome, asyncio.get_running_loop().time() - began)

    async def _attempt(self, request: Request) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                result = await self._reconcile(request)
        except TerminalError as error:
            self.queue.forget(request)
            self._report("reconcile_gave_up", request, cause=str(error))
            return "terminal"
        except TimeoutError:
            delay = self.queue.add_rate_limited(request)
            self._report("reconcile_timed_out", request, seconds=self._timeout, retry_in=delay)
            return "timeout"
        except HavokError as error:
            delay = self._retry(request, getattr(error, "retry_after", None))
            self._report("reconcile_failed", request, code=error.code, cause=error.message, retry_in=delay)
            return "error"
        except Exception:
            delay = self.queue.add_rate_limited(request)
            self._log.exception("reconcile_broke", **_names(request), retry_in=delay)
            return "error"
        self.queue.forget(request)
        if result is not None and result.after is not None:
            self.queue.add(request, after=result.after)
            return "requeue"
        return "success"

    def _retry(self, request: Request, retry_after: float | None) -> float:
        if retry_after is None:
            return self.queue.add_rate_limited(request)
        self.queue.add(request, after=retry_after)
        return retry_after

    def _report(self, event: str, request: Request, **values: object) -> None:
        self._log.warning(event, **_names(request), **values)


def itself(old: Any, new: Any) -> tuple[Request, ...]:
    """The object that changed."""
    namespace, name = key_of(new if new is not None else old)
    return (Request(namespace, name),)


def urgency(old: Any, new: Any, *, primary: bool) -> int:
    """The priority of a change, by what changed: what is wanted, or only what is told.

    `primary`: the objects are those that are reconciled, so a new one is somebody's wish; of others a new one
    is mostly our own work. The same generation means that the spec is the same; kinds without generations
    are taken for changed.
    """
    if new is None or (old is None and primary):
        return FRESH
    if old is None:
        return FOLLOWING
    generation = _generation(new)
    return FOLLOWING if generation and generation == _generation(old) else FRESH


def _generation(obj: Any) -> int:
    if isinstance(obj, dict):
        return int(obj["metadata"].get("generation", 0))
    return int(obj.metadata.generation or 0)


def owners(owner: Resource, old: Any, new: Any) -> list[Request]:
    """The objects of kind `owner` that manage what changed; two when it changed hands."""
    found: dict[Request, None] = {}
    for obj in (old, new):
        if obj is None:
            continue
        for reference in _references(obj):
            if _is(reference, owner):
                namespace = key_of(obj)[0] if owner.namespaced else ""
                found[Request(namespace, str(reference["name"]))] = None
    return [*found]


def _references(obj: Any) -> Iterable[dict[str, Any]]:
    if isinstance(obj, dict):
        return obj["metadata"].get("ownerReferences") or ()
    return (
        {"apiVersion": one.api_version, "kind": one.kind, "name": one.name, "controller": one.controller}
        for one in obj.metadata.owner_references
    )


def _is(reference: dict[str, Any], owner: Resource) -> bool:
    group, slash, _ = str(reference.get("apiVersion", "")).rpartition("/")
    same_group = (group if slash else "") == owner.group
    return bool(reference.get("controller")) and same_group and reference.get("kind") == owner.kind


def _names(request: Request) -> dict[str, str]:
    return {"namespace": request.namespace, "name": request.name}
