"""Whatever goes wrong between a cache and a real API server, in whatever order, the cache ends equal to it.

`hypothesis` chooses writes and misfortunes. A subscriber rebuilds the state from what it is told and checks
each step: what was known is what is replaced, versions only grow, every deletion is told, also of an object
that was made anew under its name. SOAK_ROUNDS (default 1) multiplies the length.
"""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from random import Random
from typing import Any, TypeVar, cast
from uuid import uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from havok.kube import Cache, Client, Limits, NotFound
from havok.kube.resources import CONFIGMAPS, NAMESPACES
from havok.kube.views import ConfigMap
from support import faults
from support.controlplane import ControlPlane
from support.faultproxy import FaultProxy
from support.observed import Turn

T = TypeVar("T")

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "1"))
NAMES = st.sampled_from("abcd")
SILENCE = 0.3
SLOW = Limits(qps=5000, burst=5000, timeout=5)


class Follower(Turn):
    """A subscriber that believes nothing."""

    def __init__(self, cache: Cache[ConfigMap]) -> None:
        super().__init__()
        self.known: dict[str, ConfigMap] = {}
        self.wrong: list[str] = []
        self.came: set[str] = set()
        self.went: set[str] = set()
        self._newest: dict[str, int] = {}
        cache.subscribe(self._told)

    def _told(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        meta = (new or old).metadata  # type: ignore[union-attr]
        if self.known.get(meta.name) != old:
            self.wrong.append(f"{meta.name}: {old} was not what was known")
        if new is None:
            self.known.pop(meta.name, None)
            self.went.add(meta.uid)
        else:
            self._came(old, new)
        self.happened()

    def _came(self, old: ConfigMap | None, new: ConfigMap) -> None:
        name, version = new.metadata.name, int(new.metadata.resource_version)
        if version <= self._newest.get(name, 0):
            self.wrong.append(f"{name}: version {version} after {self._newest[name]}")
        if old is not None and old.metadata.uid != new.metadata.uid:
            self.wrong.append(f"{name}: another object took its place untold")
        if new.metadata.uid in self.went:
            self.wrong.append(f"{name}: an object that was deleted came back")
        self._newest[name] = version
        self.known[name] = new
        self.came.add(new.metadata.uid)


class Watched:
    """A cache behind a proxy that fails, one namespace of its own, and the truth beside it."""

    def __init__(self, client: Client, through: Client, proxy: FaultProxy) -> None:
        self.client = client
        self.proxy = proxy
        self.namespace = f"f-{uuid4().hex[:10]}"
        self.cache = Cache(
            through, CONFIGMAPS, view=ConfigMap, namespace=self.namespace, retry=(0.002, 0.02),
            silence=SILENCE, page_size=2, random=Random(1),  # noqa: S311
            indexes={"value": lambda one: [one.data["v"]]},
        )  # fmt: skip
        self.follower = Follower(self.cache)

    async def start(self) -> None:
        await self.client.create(NAMESPACES, {"metadata": {"name": self.namespace}})
        await self.write("a", "1")
        self._task = asyncio.create_task(self.cache.run())
        await self.cache.synced(30)

    async def write(self, name: str, value: str) -> None:
        body = {"metadata": {"name": name, "namespace": self.namespace}, "data": {"v": value}}
        await self.client.apply(CONFIGMAPS, body, field_manager="test")

    async def delete(self, name: str) -> None:
        try:
            await self.client.delete(CONFIGMAPS, name, self.namespace)
        except NotFound:
            return

    async def befall(self, what: str, seed: int, *, now: bool) -> None:
        """A misfortune for the next watch; `now`: for one that opens at once."""
        MISFORTUNES[what](self.proxy, Random(seed))  # noqa: S311
        if now:
            before = len(self.proxy.requests)
            self.proxy.cut()
            await self.proxy.until(lambda: len(self.proxy.requests) > before)

    async def settle(self) -> None:
        """Nothing goes wrong any more: the copy becomes the original."""
        self.proxy.heal()
        await self.write("last", uuid4().hex)
        listing = await self.client.list(CONFIGMAPS, self.namespace, view=ConfigMap)
        truth = {one.metadata.name: one for one in listing.items}
        await self.follower.until(lambda: self.follower.known == truth, seconds=30)
        assert {one.metadata.name: one for one in self.cache.list()} == truth
        assert {one.metadata.name: one for one in self.cache.list(self.namespace)} == truth
        for one in truth.values():
            assert one in self.cache.by_index("value", one.data["v"])
        assert self.follower.wrong == []
        alive = {one.metadata.uid for one in truth.values()}
        assert self.follower.came - alive == self.follower.went
        assert self.cache.counters.rewound == 0

    async def stop(self) -> None:
        self.proxy.heal()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


MISFORTUNES: dict[str, Callable[[FaultProxy, Random], None]] = {
    "cut in a line": lambda proxy, random: proxy.spoil(faults.cut(random.randint(1, 900))),
    "cut in a character": lambda proxy, random: proxy.spoil(faults.cut_in_character()),
    "close": lambda proxy, random: proxy.spoil(faults.cut(random.randint(1, 900), "close")),
    "half close": lambda proxy, random: proxy.spoil(faults.cut(random.randint(1, 900), "half")),
    "silence": lambda proxy, random: proxy.spoil(faults.cut(random.randint(1, 900), "silent")),
    "pieces": lambda proxy, random: proxy.spoil(faults.pieces(random)),
    "slow": lambda proxy, random: proxy.spoil(faults.slow()),
    "gone in the stream": lambda proxy, random: proxy.error_in_stream(410, "Expired"),
    "ill in the stream": lambda proxy, random: proxy.error_in_stream(500, "InternalError"),
    "gone": lambda proxy, random: proxy.answer(410, "Expired"),
    "throttled": lambda proxy, random: proxy.answer(429, "TooManyRequests"),
    "ill": lambda proxy, random: proxy.answer(random.choice([500, 503, 504]), times=random.randint(1, 4)),
    "not allowed": lambda proxy, random: proxy.answer(403, "Forbidden", times=random.randint(1, 2)),
    "no such kind": lambda proxy, random: proxy.answer(404, "NotFound", times=random.randint(1, 2)),
    "no such stream": lambda proxy, random: proxy.answer(422, "Invalid"),
    "stall": lambda proxy, random: proxy.stall(),
    "cut now": lambda proxy, random: proxy.cut(),
    "future": lambda proxy, random: proxy.spoil(faults.bookmark_from_future(resumed=True)),
    "future and cut": lambda proxy, random: proxy.spoil(
        faults.bookmark_from_future(resumed=True, then="reset")
    ),
    "earlier": lambda proxy, random: proxy.begin_earlier(random.randint(1, 30)),
    "old state": lambda proxy, random: proxy.serve_old_state(random.randint(1, 3)),
}


class Machine(RuleBasedStateMachine):
    """Rules run in a thread; what they ask for, and the cache, live in the loop of the test."""

    def __init__(self, watched: Watched, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._watched = watched
        self._loop = loop
        self._do(watched.start())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @rule(name=NAMES, value=st.sampled_from(["1", "2", "值" * 30, "x" * 700]))
    def write(self, name: str, value: str) -> None:
        self._do(self._watched.write(name, value))

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        self._do(self._watched.delete(name))

    @rule(name=NAMES)
    def make_anew(self, name: str) -> None:
        self._do(self._watched.delete(name))
        self._do(self._watched.write(name, "new"))

    @rule(what=st.sampled_from(sorted(MISFORTUNES)), seed=st.integers(0, 99), now=st.booleans())
    def go_wrong(self, what: str, seed: int, now: bool) -> None:
        self._do(self._watched.befall(what, seed, now=now))

    @rule()
    def settle(self) -> None:
        self._do(self._watched.settle())

    def teardown(self) -> None:
        try:
            self._do(self._watched.settle())
        finally:
            self._do(self._watched.stop())


@pytest.fixture
async def proxy(control_plane: ControlPlane) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(control_plane) as proxy:
        yield proxy


@pytest.fixture
async def through(proxy: FaultProxy) -> AsyncIterator[Client]:
    async with Client(proxy.access(), limits=SLOW) as client:
        yield client


@pytest.fixture
async def quick(control_plane: ControlPlane) -> AsyncIterator[Client]:
    async with Client(control_plane.access(), limits=SLOW) as client:
        yield client


@pytest.mark.timeout(120 + 30 * ROUNDS)
async def test_a_cache_ends_equal_to_the_server(quick: Client, through: Client, proxy: FaultProxy) -> None:
    loop = asyncio.get_running_loop()
    rounds = settings(
        max_examples=12 * ROUNDS, stateful_step_count=30, deadline=None, phases=(Phase.generate,),
        suppress_health_check=[*HealthCheck],
    )  # fmt: skip

    def begin() -> Machine:
        return Machine(Watched(quick, through, proxy), loop)

    machine = cast("type[Machine]", begin)
    await asyncio.to_thread(run_state_machine_as_test, machine, settings=rounds)


@pytest.mark.parametrize("what", sorted(MISFORTUNES))
async def test_each_misfortune_alone_is_survived(
    quick: Client, through: Client, proxy: FaultProxy, what: str
) -> None:
    watched = Watched(quick, through, proxy)
    await watched.start()
    try:
        await watched.write("b", "值" * 30)
        for seed in range(2):
            MISFORTUNES[what](proxy, Random(seed))  # noqa: S311
            proxy.cut()
            await watched.write("b", "2")
            await watched.delete("a")
            await watched.write("a", "值" * 30)
        await watched.settle()
    finally:
        await watched.stop()


@pytest.mark.timeout(120 + 30 * ROUNDS)
async def test_reconnecting_without_end_costs_no_memory(
    quick: Client, through: Client, proxy: FaultProxy
) -> None:
    watched = Watched(quick, through, proxy)
    await watched.start()
    counters = watched.cache.counters
    sizes = []
    try:
        for _ in range(4):
            wanted = counters.streams + 50 * ROUNDS
            while counters.streams < wanted:
                proxy.spoil(*[faults.cut(1)] * 10)
                proxy.cut()
                before = counters.streams
                await watched.write("b", uuid4().hex)
                await proxy.until(lambda before=before: counters.streams >= before + 5)  # type: ignore[misc]
            await watched.settle()
            gc.collect()
            sizes.append((len(gc.get_objects()), len(asyncio.all_tasks())))
    finally:
        await watched.stop()
    assert sizes[-1][0] < sizes[1][0] + 2000 + 20 * ROUNDS, sizes
    assert sizes[-1][1] <= sizes[1][1] + 3, sizes
