"""The work queue: no key is lost, none is worked on twice at once, the right one comes first."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from havok.kube.workqueue import BACKLOG, FRESH, QueueClosed, WorkQueue


class Key(NamedTuple):
    namespace: str
    name: str


A1, A2, A3 = (Key("a", name) for name in "123")
B1, B2 = (Key("b", name) for name in "12")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(queue: WorkQueue[Key]) -> Key | None:
    """What `get` would give now, without waiting."""
    return queue._take()


def drained(queue: WorkQueue[Key]) -> list[Key]:
    found = []
    while (key := taken(queue)) is not None:
        found.append(key)
        queue.done(key)
    return found


def test_a_key_that_waits_is_one_key() -> None:
    queue = WorkQueue[Key](now=Clock())
    for _ in range(3):
        queue.add(A1)
    assert len(queue) == 1
    assert drained(queue) == [A1]


def test_fresh_comes_before_backlog_and_namespaces_take_turns() -> None:
    queue = WorkQueue[Key](now=Clock())
    queue.add(A1, priority=BACKLOG)
    for key in (A2, A3, B1):
        queue.add(key)
    queue.add(B2, priority=BACKLOG)
    assert drained(queue) == [A2, B1, A3, A1, B2]


def test_a_fresh_change_lifts_a_key_out_of_the_backlog() -> None:
    queue = WorkQueue[Key](now=Clock())
    queue.add(A1, priority=BACKLOG)
    queue.add(B1, priority=BACKLOG)
    queue.add(B1, priority=FRESH)
    assert drained(queue) == [B1, A1]


def test_the_shorter_wait_wins() -> None:
    clock = Clock()
    queue = WorkQueue[Key](now=clock)
    queue.add(A1, after=10)
    queue.add(A1, after=3)
    queue.add(A1, after=20)
    clock.now = 2.9
    assert taken(queue) is None
    clock.now = 3.0
    assert drained(queue) == [A1]
    clock.now = 100.0
    assert drained(queue) == []


def test_a_change_during_the_work_brings_the_key_back_once() -> None:
    queue = WorkQueue[Key](now=Clock())
    queue.add(A1)
    assert taken(queue) == A1
    queue.add(A1)
    queue.add(A1)
    assert taken(queue) is None
    queue.done(A1)
    assert drained(queue) == [A1]


def test_failures_wait_twice_as_long_each_time_until_forgotten() -> None:
    queue = WorkQueue[Key](now=Clock())
    waits = []
    for _ in range(20):
        waits.append(queue.add_rate_limited(A1))
    assert waits[:4] == [0.005, 0.01, 0.02, 0.04]
    assert waits[-1] == 1000.0
    assert queue.failures(A1) == 20
    queue.forget(A1)
    assert queue.add_rate_limited(A1) == 0.005


def test_the_metrics_add_up() -> None:
    clock = Clock()
    queue = WorkQueue[Key](now=clock)
    queue.add(A1)
    queue.add(A1)
    clock.now = 2.0
    assert taken(queue) == A1
    clock.now = 5.0
    queue.done(A1)
    metrics = queue.metrics
    assert (metrics.adds, metrics.taken, metrics.finished) == (2, 1, 1)
    assert (metrics.latency_seconds, metrics.work_seconds) == (2.0, 3.0)


async def test_shutting_down_gives_what_is_ready_and_then_ends_every_waiter() -> None:
    queue = WorkQueue[Key]()
    queue.add(A1)
    queue.add(A2, after=3600)
    assert await queue.get() == A1
    waiters = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.add(A1)
    queue.shut_down()
    queue.add(B1)
    queue.done(A1)
    done, _ = await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done if not task.exception()] == [A1]
    queue.done(A1)
    results = await asyncio.gather(*waiters, return_exceptions=True)
    assert results.count(A1) == 1
    assert sum(isinstance(one, QueueClosed) for one in results) == 2


@pytest.mark.looptime
async def test_every_delayed_key_is_taken_in_time_whoever_waits() -> None:
    queue = WorkQueue[Key]()
    loop = asyncio.get_running_loop()
    began, when = loop.time(), {}

    async def worker(seconds: float) -> None:
        while True:
            key = await queue.get()
            when[key] = loop.time() - began
            await asyncio.sleep(seconds)
            queue.done(key)

    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(worker(seconds)) for seconds in (50, 0, 0)]
        await asyncio.sleep(0)
        queue.add(A1, after=5)
        queue.add(A2)
        queue.add(B1, after=7)
        queue.add(B2, after=5)
        await asyncio.sleep(10)
        for task in workers:
            task.cancel()
    assert {key: round(at, 3) for key, at in when.items()} == {A2: 0, A1: 5, B2: 5, B1: 7}


@pytest.mark.looptime
async def test_a_cancelled_waiter_passes_its_turn_on() -> None:
    queue = WorkQueue[Key]()
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await asyncio.sleep(0)
    queue.add(A1)
    first.cancel()
    assert await asyncio.wait_for(second, 1) == A1
    queue.done(A1)
    queue.add(A1, after=5)
    third, fourth = (asyncio.create_task(queue.get()) for _ in range(2))
    await asyncio.sleep(1)
    third.cancel()
    assert await asyncio.wait_for(fourth, 5) == A1


class QueueMachine(RuleBasedStateMachine):
    """Random adds, takes and ends, against a model that is a plain dictionary."""

    @initialize()
    def start(self) -> None:
        self.clock = Clock()
        self.queue = WorkQueue[Key](now=self.clock)
        self.waiting: dict[Key, tuple[float, int]] = {}
        self.working: set[Key] = set()

    @rule(
        key=st.sampled_from([A1, A2, A3, B1, B2]),
        priority=st.sampled_from([FRESH, BACKLOG, 7]),
        after=st.sampled_from([0.0, 0.0, 1.0, 2.5, 10.0]),
    )
    def add(self, key: Key, priority: int, after: float) -> None:
        self.queue.add(key, priority=priority, after=after)
        due, known = self.waiting.get(key, (float("inf"), priority))
        self.waiting[key] = (min(due, self.clock.now + after), max(known, priority))

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def take(self) -> None:
        ready = {
            key: priority
            for key, (due, priority) in self.waiting.items()
            if due <= self.clock.now and key not in self.working
        }
        key = taken(self.queue)
        if key is None:
            assert not ready
            return
        assert key in ready
        assert ready[key] == max(ready.values())
        del self.waiting[key]
        self.working.add(key)

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.working)))
        self.working.discard(key)
        self.queue.done(key)

    @invariant()
    def counts_agree(self) -> None:
        assert len(self.queue) == len(self.waiting)

    def teardown(self) -> None:
        for key in sorted(self.working):
            self.queue.done(key)
        self.clock.now += 100
        assert set(drained(self.queue)) == set(self.waiting)


TestQueue: Callable[..., object] = QueueMachine.TestCase
QueueMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


async def test_a_timer_that_rings_early_by_rounding_is_believed() -> None:
    now = 1e9
    queue = WorkQueue[Key](now=lambda: now)
    queue.add(A1, after=0.3)
    now += 0.3 - 1e-7
    async with asyncio.timeout(1):
        assert await queue.get() == A1
    assert queue.metrics.latency_seconds == 0
