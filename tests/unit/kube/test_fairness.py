"""Who waits for whom: namespaces take turns, a backlog never delays a fresh change, nothing piles up."""

from typing import NamedTuple

import hypothesis.strategies as st
from hypothesis import given, settings

from havok.kube.workqueue import BACKLOG, FRESH, SWEEP, WorkQueue

NAMESPACES = "abc"


class Key(NamedTuple):
    namespace: str
    name: int


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


KEYS = st.builds(Key, st.sampled_from(NAMESPACES), st.integers(0, 20))
ADDS = st.lists(st.tuples(KEYS, st.sampled_from([FRESH, BACKLOG])), max_size=60)


def taken(queue: WorkQueue[Key]) -> Key | None:
    """What `get` would give now, without waiting; worked off at once."""
    key = queue._take()
    if key is not None:
        queue.done(key)
    return key


@given(before=ADDS, during=st.lists(st.one_of(st.none(), st.tuples(KEYS, st.just(FRESH))), max_size=60))
@settings(max_examples=150, deadline=None)
def test_between_two_turns_of_a_namespace_every_other_one_that_waits_has_its_own(
    before: list[tuple[Key, int]], during: list[tuple[Key, int] | None]
) -> None:
    queue = WorkQueue[Key](now=Clock())
    waiting: dict[Key, int] = {}
    passed_over: dict[tuple[int, str], int] = {}

    def add(key: Key, priority: int) -> None:
        queue.add(key, priority=priority)
        waiting[key] = max(priority, waiting.get(key, priority))

    def take() -> bool:
        key = taken(queue)
        if key is None:
            return False
        priority = waiting.pop(key)
        assert priority == max([priority, *waiting.values()])
        passed_over[priority, key.namespace] = 0
        for other in {one.namespace for one, its in waiting.items() if its == priority} - {key.namespace}:
            passed_over[priority, other] = passed_over.get((priority, other), 0) + 1
            assert passed_over[priority, other] < len(NAMESPACES)
        return True

    for key, priority in before:
        add(key, priority)
    for step in during:
        if step is None:
            take()
        else:
            add(*step)
    while take():
        pass
    assert not waiting


@given(backlog=st.integers(30, 300), fresh=st.lists(st.integers(1000, 1010), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_a_fresh_change_waits_for_nothing_of_the_backlog(backlog: int, fresh: list[int]) -> None:
    queue = WorkQueue[Key](now=Clock())
    for number in range(backlog):
        queue.add(Key("a", number), priority=BACKLOG)
    for number in fresh:
        assert taken(queue) is not None
        queue.add(Key("a", number))
        assert taken(queue) == Key("a", number)


def test_a_backlog_that_fails_does_not_overtake_a_fresh_change() -> None:
    clock = Clock()
    queue = WorkQueue[Key](now=clock)
    queue.add(Key("a", 1), priority=BACKLOG)
    failing = queue._take()
    assert failing == Key("a", 1)
    queue.add_rate_limited(failing)
    queue.done(failing)
    clock.now = 1.0
    queue.add(Key("a", 2), priority=BACKLOG)
    queue.add(Key("a", 3))
    assert [taken(queue) for _ in range(4)] == [Key("a", 3), Key("a", 2), Key("a", 1), None]


@given(
    adds=st.lists(
        st.tuples(KEYS, st.sampled_from([FRESH, BACKLOG]), st.sampled_from([0.0, 60.0, 3600.0])), max_size=400
    )
)
@settings(max_examples=50, deadline=None)
def test_what_was_superseded_does_not_pile_up(adds: list[tuple[Key, int, float]]) -> None:
    queue = WorkQueue[Key](now=Clock())
    for key, priority, after in adds:
        queue.add(key, priority=priority, after=after)
        assert queue.entries <= 2 * len(queue) + SWEEP + 1


def test_a_key_that_comes_back_for_hours_leaves_nothing_behind() -> None:
    clock = Clock()
    queue = WorkQueue[Key](now=clock)
    key = Key("a", 1)
    for _ in range(5000):
        clock.now += 0.01
        queue.add(key)
        assert queue._take() == key
        queue.add(key, after=3600)
        queue.done(key)
    assert queue.entries <= SWEEP + 2
