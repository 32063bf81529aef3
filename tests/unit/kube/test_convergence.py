"""The cache converges: whatever a server and a network do, in the end the copy equals the original.

The reflector runs as it is, in virtual time, against a model of an API server that keeps a history, forgets
the old part of it, cuts streams anywhere (in the middle of a line too), falls silent, refuses, expires,
sends errors in the stream, lies about versions, and has objects that nobody can decode. `hypothesis` chooses
what happens when.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import hypothesis.strategies as st
import looptime
import msgspec
from hypothesis import HealthCheck, given, settings

from havok.kube.change import INITIAL_END
from havok.kube.counters import Counters
from havok.kube.errors import Gone, Invalid, Unavailable, Unreachable
from havok.kube.key import Key
from havok.kube.store import Store
from havok.kube.views import ObjectMeta
from havok.kube.watch import Reflector

NAMES = ("a", "b", "c", "d")


class Thing(msgspec.Struct, frozen=True):
    """What is cached; objects of the model whose value is a text do not fit."""

    metadata: ObjectMeta
    value: int


class CheckedStore(Store[Thing]):
    """A store whose subscriber rebuilds the state from (old, new) alone and thereby checks them."""

    def __init__(self) -> None:
        super().__init__({"value": lambda one: [one.value]})
        self.rebuilt: dict[str, Thing] = {}
        self.whole = 0
        self.newest: dict[str, int] = {}
        self.went_back = False
        self.subscribe(self._follow)

    def heard(self) -> None:
        pass

    def replace(self, objects: dict[Key, Thing], keep: set[Key]) -> None:
        super().replace(objects, keep)
        self.whole += 1

    def _follow(self, old: Thing | None, new: Thing | None) -> None:
        name = (new or old).metadata.name  # type: ignore[union-attr]
        assert self.rebuilt.get(name) == old
        if new is None:
            del self.rebuilt[name]
            return
        self.rebuilt[name] = new
        version = int(new.metadata.resource_version)
        self.went_back |= version <= self.newest.get(name, 0)
        self.newest[name] = version


@dataclass
class Server:
    """A small API server: objects, a history of events, and a list of misfortunes to come."""

    random: Random
    faults: list[str] = field(default_factory=list)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    version: int = 1
    forgotten: int = 0
    streams: bool = True
    copies: list[tuple[int, dict[str, dict[str, Any]]]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, name: str, value: int | str | None) -> None:
        """Put or (None) delete an object."""
        if value is None and name not in self.objects:
            return
        self.version += 1
        if value is None:
            kind, obj = "DELETED", self._made(name, self.objects.pop(name)["value"])
        else:
            kind, obj = ("MODIFIED" if name in self.objects else "ADDED"), self._made(name, value)
            self.objects[name] = obj
        self.history.append((self.version, kind, obj))
        self.changed.set()

    def forget(self) -> None:
        """Compaction: every version up to now is too old to resume from."""
        self.forgotten = self.version
        self.history.clear()

    async def page(self, params: dict[str, str]) -> bytes:
        """A list, in pages of one consistent state."""
        if (fault := self._fault()) in ("refuse", "cut"):
            raise Unreachable("kube.unreachable", "the model cut the connection")
        if fault == "expire" and "continue" in params:
            raise Gone("kube.gone", "the model expired the token", status=410)
        version, objects = self._state("continue" not in params and fault == "old")
        names = sorted(objects)
        start = int(params.get("continue", 0))
        end = start + int(params.get("limit", len(names) or 1))
        # The model has no snapshots: a page that could show another state says that it is too old.
        if start and self.version != getattr(self, "_listed", self.version):
            raise Gone("kube.gone", "the model has moved on", status=410)
        self._listed = version
        token = str(end) if end < len(names) else ""
        items = [objects[name] for name in names[start:end]]
        meta = {"resourceVersion": str(version), "continue": token}
        return msgspec.json.encode({"metadata": meta, "items": items})

    @asynccontextmanager
    async def watch(self, params: dict[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        """A watch, or the whole state and a watch."""
        fault = self._fault()
        if fault == "refuse":
            raise Unavailable("kube.unavailable", "the model is not ready", status=503)
        initial = "sendInitialEvents" in params
        if initial and not self.streams:
            raise Invalid("kube.invalid", "the model knows no WatchList", status=422)
        if not initial and (fault == "expire" or int(params["resourceVersion"]) < self.forgotten):
            raise Gone("kube.gone", "the model forgot that version", status=410)
        async with contextlib.aclosing(self._lines(params, initial, fault)) as lines:
            yield self._chunked(lines, cut=fault == "cut")

    async def _lines(self, params: dict[str, str], initial: bool, fault: str) -> AsyncGenerator[bytes, None]:
        if initial:
            at, objects = self._state(fault == "old")
            for obj in [*objects.values()]:
                yield _line("ADDED", obj)
            yield _line("BOOKMARK", {"metadata": _meta("", at) | {"annotations": {INITIAL_END: "true"}}})
        else:
            at = int(params["resourceVersion"])
            if at > self.version:
                # As the real one: of what is older than asked for it says nothing at all.
                await asyncio.sleep(3600)
            if fault == "earlier":
                at = max(self.forgotten, at - 3)
        if fault == "future":
            yield _line("BOOKMARK", {"metadata": _meta("", self.version + 1000)})
        sent = 0
        while True:
            if at < self.forgotten:
                yield _line("ERROR", {"code": 410, "message": "the model forgot that version"})
                return
            for version, kind, obj in [*self.history]:
                if version > at:
                    yield _line(kind, obj)
                    at, sent = version, sent + 1
            if fault == "error" and sent:
                yield _line("ERROR", {"code": 500, "message": "the model is ill"})
                return
            if fault == "end":
                return
            if fault == "silent":
                await asyncio.sleep(3600)
            if fault == "strange":
                yield _line("NOVELTY", {"whatever": 1})
                yield b"not json at all\n"
            yield _line("BOOKMARK", {"metadata": _meta("", at)})
            self.changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(60):
                    await self.changed.wait()

    async def _chunked(self, lines: AsyncIterator[bytes], *, cut: bool) -> AsyncIterator[bytes]:
        """The same bytes in other pieces; `cut`: broken off in the middle of one."""
        async for line in lines:
            middle = self.random.randrange(len(line))
            yield line[:middle]
            if cut and self.random.random() < 0.5:
                raise Unreachable("kube.unreachable", "the model broke the connection")
            yield line[middle:]

    def _state(self, old: bool) -> tuple[int, dict[str, dict[str, Any]]]:
        """The present, or the first one that was asked for."""
        self.copies.append((self.version, dict(self.objects)))
        return self.copies[0 if old else -1]

    def _fault(self) -> str:
        return self.faults.pop(0) if self.faults else ""

    def _made(self, name: str, value: int | str) -> dict[str, Any]:
        return {"metadata": _meta(name, self.version), "value": value}


def _meta(name: str, version: int) -> dict[str, Any]:
    return {"name": name, "namespace": "n", "resourceVersion": str(version)}


def _line(kind: str, obj: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"type": kind, "object": obj}) + b"\n"


FAULTS = ["", "cut", "end", "silent", "refuse", "expire", "error", "strange", "old", "earlier", "future"]
STEPS = st.one_of(
    st.tuples(st.sampled_from(NAMES), st.integers(0, 9)),
    st.tuples(st.sampled_from(NAMES), st.none()),
    st.tuples(st.sampled_from(NAMES), st.just("broken")),
    st.tuples(st.just("forget"), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([0.01, 1, 40, 200])),
)


async def live_through(
    steps: list[Any], faults: list[str], *, streams: bool, seed: int
) -> tuple[Server, CheckedStore, Counters]:
    """The server lives through `steps`; then nothing more goes wrong for a while."""
    random = Random(seed)  # noqa: S311
    server, store = Server(random, faults, streams=streams), CheckedStore()
    for name in NAMES[:2]:
        server.write(name, 0)
    reflector = Reflector(server, store, Thing, name="model", page_size=1, random=random)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reflector.run())
        for what, value in steps:
            if what == "forget":
                server.forget()
            elif what == "wait":
                await asyncio.sleep(value)
            else:
                server.write(what, value)
        await asyncio.sleep(3600)
        task.cancel()
    return server, store, reflector.counters


@given(
    steps=st.lists(STEPS, max_size=25),
    faults=st.lists(st.sampled_from(FAULTS), max_size=12),
    streams=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_copy_converges_to_the_original(
    steps: list[Any], faults: list[str], streams: bool, seed: int
) -> None:
    loop = looptime.new_event_loop()
    try:
        server, store, counters = loop.run_until_complete(
            live_through(steps, faults, streams=streams, seed=seed)
        )
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    assert store.whole >= 1
    assert not store.went_back or counters.rewound
    good = {name: obj["value"] for name, obj in server.objects.items() if isinstance(obj["value"], int)}
    known = {one.metadata.name: one.value for one in store.list()}
    broken = {name for name, obj in server.objects.items() if isinstance(obj["value"], str)}
    assert {name: value for name, value in known.items() if name not in broken} == good
    assert {name: one.value for name, one in store.rebuilt.items()} == known
    for value in range(10):
        indexed = {one.metadata.name for one in store.by_index("value", value)}
        assert indexed == {name for name, one in known.items() if one == value}
