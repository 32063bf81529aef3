"""What a server may claim about versions, and which way of asking for everything is next."""

import pytest

from havok.kube.counters import Counters
from havok.kube.errors import Forbidden, NotFound, Status, Unavailable, from_status
from havok.kube.history import DOUBTS, PATIENCE, Contradiction, History, Stale, is_older, number_of
from havok.kube.state import FROM_CACHE, PROBE_AGAIN, Approach


def at(version: str) -> tuple[History, Counters]:
    """A history that took a whole state."""
    counters = Counters()
    history = History("things", counters)
    history.adopt(version)
    return history, counters


def test_events_and_bookmarks_move_the_point_to_resume_from() -> None:
    history, _ = at("5")
    history.event("7")
    history.bookmark("9")
    history.bookmark("9")
    assert (history.version, history.at_least) == ("9", "7")


@pytest.mark.parametrize("version", ["3", "5"])
def test_an_event_that_is_not_newer_is_a_contradiction(version: str) -> None:
    history, counters = at("5")
    with pytest.raises(Contradiction):
        history.event(version)
    assert counters.contradictions == 1
    assert history.version == "5"


def test_a_bookmark_that_promised_too_much_is_found_out_by_the_next_event() -> None:
    history, _ = at("5")
    history.bookmark("1000000")
    with pytest.raises(Contradiction):
        history.event("6")
    history.forget()
    history.adopt("6")
    assert history.at_least == "6"


def test_a_whole_state_older_than_ours_is_refused_until_it_must_be_the_truth() -> None:
    history, counters = at("100")
    for _ in range(PATIENCE):
        with pytest.raises(Stale):
            history.adopt("40")
    history.adopt("41")
    assert (history.version, history.at_least) == ("41", "41")
    assert (counters.refused, counters.rewound) == (PATIENCE, 1)


def test_refusals_in_between_do_not_add_up() -> None:
    history, counters = at("100")
    for number in range(5):
        for _ in range(PATIENCE):
            with pytest.raises(Stale):
                history.adopt("40")
        history.adopt(str(101 + number))
    assert counters.rewound == 0


def test_a_new_state_with_an_old_object_is_an_old_state() -> None:
    history, _ = at("100")
    with pytest.raises(Stale):
        history.adopt("101", older=True)


def test_a_server_without_order_is_not_weighed_for_ever() -> None:
    history, _ = at("100")
    for _ in range(DOUBTS):
        with pytest.raises(Contradiction):
            history.event("3")
    history.event("3")
    history.adopt("2", older=True)
    assert not history.ordered


def test_a_stream_in_order_takes_the_doubts_away() -> None:
    history, _ = at("100")
    for _ in range(3 * DOUBTS):
        with pytest.raises(Contradiction):
            history.event("3")
        history.was_in_order()


def test_versions_that_are_no_numbers_are_taken_as_they_are() -> None:
    history, _ = at("b")
    history.event("a")
    history.bookmark("")
    assert history.version == "a"
    assert number_of("12a") == 0
    assert is_older("2", "10")
    assert not is_older("", "10")
    assert not is_older("10", "10")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def streams(approach: Approach) -> bool:
    return approach.streams


def refusal(status: int) -> Unavailable | Forbidden | NotFound:
    return from_status(status, Status())  # type: ignore[return-value]


def test_a_server_that_refuses_the_stream_is_asked_for_it_again_after_an_hour() -> None:
    clock = Clock()
    approach = Approach(clock)
    assert streams(approach)
    assert approach.refused(refusal(422), silent=False)
    assert not streams(approach)
    approach.succeeded()
    clock.now = PROBE_AGAIN - 1
    assert not streams(approach)
    clock.now = PROBE_AGAIN
    assert streams(approach)


@pytest.mark.parametrize("status", [403, 404])
def test_a_kind_or_right_that_is_missing_says_nothing_about_streams(status: int) -> None:
    approach = Approach(Clock())
    assert approach.refused(refusal(status), silent=False)
    assert not streams(approach)
    approach.failed(refusal(status))
    assert streams(approach)


def test_every_third_try_asks_for_what_the_server_has_in_its_own_cache() -> None:
    approach = Approach(Clock())
    tried = []
    for _ in range(2 * FROM_CACHE):
        tried.append(approach.from_cache)
        approach.failed(refusal(503))
    assert tried == [False, False, True] * 2
    approach.succeeded()
    assert not approach.from_cache


def test_a_cache_that_refuses_is_not_asked_for_ever() -> None:
    approach = Approach(Clock())
    for _ in range(FROM_CACHE - 1):
        approach.failed(refusal(503))
    assert approach.from_cache
    approach.failed(refusal(422))
    assert streams(approach)
