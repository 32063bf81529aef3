"""Events: what happened to an object, where `kubectl describe` and our own UI show it.

Repeats are one event with a count; an object that makes many different events is cut off after 25 in a row
and then gets one each five minutes, as client-go does it. While `run` runs, events wait in an outbox and
whoever reports goes on at once. Invariant: reporting never fails and never holds up what it reports on for
more than five seconds; the events of one object come in the order in which they were reported.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias
from uuid import uuid4

import msgspec

from havok.clock import rfc3339, utcnow
from havok.kube.client import Client
from havok.kube.errors import NotFound
from havok.kube.resources import EVENTS, Resource
from havok.kube.throttle import TokenBucket
from havok.kube.views import ObjectReference
from havok.log import get_logger

Kind: TypeAlias = Literal["Normal", "Warning"]
REMEMBERED: Final = 4096
BURST: Final = 25
REFILL: Final = 1 / 300
SECONDS: Final = 5.0
OUTBOX: Final = 10_000
"""Events that may wait; at some 500 a second this is more than a restart with thousands of objects needs."""
LONGEST_MESSAGE: Final = 1024

log = get_logger("kube.events")


class _Told(msgspec.Struct):
    name: str
    count: int


class _Waiting(msgspec.Struct, frozen=True):
    about: ObjectReference
    type: Kind
    reason: str
    message: str


class EventRecorder:
    """Reports as `component`; `instance` is this process (a pod's name). `now` is the wall clock."""

    def __init__(
        self, client: Client, component: str, instance: str, *, now: Callable[[], datetime] = utcnow
    ) -> None:
        self._client = client
        self._component = component
        self._instance = instance
        self._now = now
        self._told: OrderedDict[tuple[str, ...], _Told] = OrderedDict()
        self._budgets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._outbox: asyncio.Queue[_Waiting] | None = None
        self.dropped = 0
        """Events that were not written: too many, or the API server did not take them."""

    async def event(self, about: ObjectReference, type_: Kind, reason: str, message: str) -> None:
        """Report that something happened. Never raises; what cannot be written is logged and counted."""
        event = _Waiting(about, type_, reason, message[:LONGEST_MESSAGE])
        if not self._may(about):
            self.dropped += 1
        elif self._outbox is None:
            await self._send(event)
        else:
            try:
                self._outbox.put_nowait(event)
            except asyncio.QueueFull:
                self._lost(event, "too many wait")

    async def run(self) -> None:
        """Write what waits, until cancelled; then what is left, for five seconds at most."""
        outbox = self._outbox = asyncio.Queue[_Waiting](OUTBOX)
        left: list[_Waiting] = []
        try:
            while True:
                left = [await outbox.get()]
                await self._send(left[0])
                left = []
        finally:
            self._outbox = None
            while not outbox.empty():
                left.append(outbox.get_nowait())
            with suppress(TimeoutError):
                async with asyncio.timeout(SECONDS):
                    for event in left:
                        await self._send(event)

    async def _send(self, event: _Waiting) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                await self._write(event)
        except Exception as error:
            self._lost(event, str(error))

    def _lost(self, event: _Waiting, cause: str) -> None:
        self.dropped += 1
        log.warning("event_lost", reason=event.reason, object=event.about.name, cause=cause)

    async def _write(self, event: _Waiting) -> None:
        about, type_, reason, message = event.about, event.type, event.reason, event.message
        key = (about.kind, about.namespace, about.name, about.uid, type_, reason, message)
        told = self._told.get(key)
        if told:
            self._told.move_to_end(key)
            told.count += 1
            try:
                await self._repeat(about, told)
            except NotFound:
                # The API server forgets events after an hour.
                told.name = _name(about)
            else:
                return
        else:
            told = _Told(_name(about), 1)
            _remember(self._told, key, told)
        body = self._body(about, type_, reason, message, told)
        await self._client.create(EVENTS, body, about.namespace or "default")

    async def _repeat(self, about: ObjectReference, told: _Told) -> None:
        body = {"count": told.count, "lastTimestamp": rfc3339(self._now())}
        await self._client.patch(EVENTS, told.name, about.namespace or "default", body=body)

    def _body(
        self, about: ObjectReference, type_: Kind, reason: str, message: str, told: _Told
    ) -> dict[str, Any]:
        now = rfc3339(self._now())
        return {
            "metadata": {"name": told.name, "namespace": about.namespace or "default"},
            "involvedObject": {key: value for key, value in msgspec.to_builtins(about).items() if value},
            "type": type_,
            "reason": reason,
            "message": message,
            "count": told.count,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component, "host": self._instance},
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
        }

    def _may(self, about: ObjectReference) -> bool:
        key = about.uid or f"{about.kind}/{about.namespace}/{about.name}"
        budget = self._budgets.get(key)
        if budget is None:
            budget = TokenBucket(REFILL, BURST, asyncio.get_running_loop().time)
            _remember(self._budgets, key, budget)
        return budget.try_take()


def reference(resource: Resource, obj: Any) -> ObjectReference:
    """The reference to an object that is a dict or a view."""
    meta = obj["metadata"] if isinstance(obj, dict) else msgspec.to_builtins(obj.metadata)
    return ObjectReference(
        kind=resource.kind,
        api_version=resource.api_version,
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        uid=meta.get("uid", ""),
        resource_version=meta.get("resourceVersion", ""),
    )


def _name(about: ObjectReference) -> str:
    return f"{about.name[:220]}.{uuid4().hex[:16]}"


def _remember(store: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    store[key] = value
    if len(store) > REMEMBERED:
        store.popitem(last=False)
