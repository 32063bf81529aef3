"""A local copy of what the API server holds: a store that a reflector fills.

Reads cost nothing and may be a moment old; that is why reconcilers are level-triggered. Invariant: what was
known stays readable whatever happens, and `has_synced` says whether it is the present.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Final, TypeVar

from havok.errors import TimedOutError
from havok.kube.client import Client, selectors
from havok.kube.counters import Counters
from havok.kube.errors import KubeError
from havok.kube.key import Key
from havok.kube.resources import Resource
from havok.kube.store import Index, Keep, Store
from havok.kube.watch import FORGET_AFTER, SILENCE, Reflector

T = TypeVar("T")

RESYNC: Final = 36_000.0
"""Seconds between two deliveries of everything known (10 h, spread by 10 %), as controller-runtime does."""

PARTIAL: Final = "application/json;as=PartialObjectMetadata{list};g=meta.k8s.io;v=v1,application/json"
"""What to accept for metadata alone; a server that cannot gives whole objects, which fit the same view."""


class Cache(Store[T]):
    """One kind, one selection of its objects. `run` is the body of a task; everything else is immediate.

    `namespace` None: all namespaces. `labels` and `fields` are selectors. `indexes` name functions that give
    the keys under which `by_index` finds an object. `keep` gives what to keep of an object (less of it, or
    None: nothing). `metadata_only`: the server sends no more than that; `view` is PartialObject or the like.
    `resync` 0: never.
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
        keep: Keep[T] | None = None,
        metadata_only: bool = False,
        page_size: int = 500,
        silence: float = SILENCE,
        retry: tuple[float, float] = (0.8, 30.0),
        resync: float = RESYNC,
        forget_after: float = FORGET_AFTER,
        random: Random | None = None,
    ) -> None:
        super().__init__(indexes, keep=keep)
        self.resource = resource
        self._resync = resync
        self._silence = silence
        self._random = random or Random()  # noqa: S311
        self._synced = asyncio.Event()
        self._heard_at = 0.0
        self._now: Callable[[], float] = float
        self._running = False
        params = selectors(labels, fields)
        self._reflector = Reflector(
            ResourceFeed(client, resource, namespace, params, metadata_only=metadata_only), self, view,
            name=str(resource), page_size=page_size, silence=silence, retry=retry,
            forget_after=forget_after, random=self._random, start=client.start,
        )  # fmt: skip

    @property
    def counters(self) -> Counters:
        """What the watch lived through."""
        return self._reflector.counters

    @property
    def problem(self) -> KubeError | None:
        """Why nothing comes at the moment; None: it does."""
        return self._reflector.problem

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
            cause = self.problem.message if self.problem else "no answer"
            raise TimedOutError(
                "kube.cache.unsynced",
                f"the list of {self.resource} did not come within {timeout:g} s: {cause}",
                "check that the API server is healthy and that our role may list and watch it",
                resource=str(self.resource), seconds=timeout, cause=cause,
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
        self,
        client: Client,
        resource: Resource,
        namespace: str | None,
        params: dict[str, str],
        *,
        metadata_only: bool = False,
    ) -> None:
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._params = params
        self._list_as = PARTIAL.format(list="List") if metadata_only else "application/json"
        self._watch_as = PARTIAL.format(list="") if metadata_only else "application/json"

    async def page(self, params: dict[str, str]) -> bytes:
        """One page of the list."""
        wanted = {**self._params, **params}
        return await self._client.page(self._resource, self._namespace, wanted, accept=self._list_as)

    def watch(self, params: dict[str, str]) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The stream of changes."""
        path = self._resource.path(self._namespace)
        return self._client.stream(path, {**self._params, **params}, accept=self._watch_as)
