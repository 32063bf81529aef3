"""The estimate is honest: it learns from what was compiled, and never from what was found."""

import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok.localcluster.binaries.progress import Estimate, Narrator, Note, Phase, Step, Timing, remember
from havok.localcluster.binaries.render import INTERVAL, Plain, duration, line, rough
from havok.localcluster.binaries.table import TABLE, Binary, Group

GROUP = Group(name="g", version="1.0.0", disk=1)
SECONDS = st.floats(min_value=1, max_value=10_000)


def binary(name: str, seconds: float) -> Binary:
    return Binary(name=name, group=GROUP, package=name, seconds=seconds)


def step(name: str = "etcd", phase: Phase = Phase.BUILDING, **values: object) -> Step:
    plain: dict[str, object] = {
        "name": name, "phase": phase, "position": 1, "count": 2, "elapsed": 0.0, "phase_elapsed": 0.0,
    }  # fmt: skip
    return msgspec.convert(plain | values, Step)


def test_a_machine_that_took_twice_as_long_is_expected_to_go_on_so() -> None:
    estimate = Estimate([binary("a", 100), binary("b", 50), binary("c", 10)], {})
    assert estimate.remaining("a", 0) == 160
    assert estimate.remaining("a", 40) == 120
    estimate.built("a", 200, 500)
    assert estimate.speed == 2
    assert estimate.remaining("b", 20) == 100
    estimate.built("b", 1, 0)
    assert estimate.speed == 2, "it came from the build cache"
    assert estimate.remaining("c", 0) == 20


def test_what_this_machine_took_last_time_is_better_than_the_table() -> None:
    remembered = {"a": Timing(seconds=30, packages=400), "b": Timing(spent=45)}
    estimate = Estimate([binary("a", 100), binary("b", 50)], remembered)
    assert estimate.remaining("a", 0) == 30 + 5


def test_one_that_is_overdue_still_has_something_left() -> None:
    estimate = Estimate([binary("a", 10)], {})
    assert estimate.remaining("a", 100) == 10


@given(st.lists(SECONDS, min_size=1, max_size=10), st.data())
def test_an_estimate_is_never_negative_and_ends_at_nothing(
    expected: list[float], data: st.DataObject
) -> None:
    todo = [binary(str(index), seconds) for index, seconds in enumerate(expected)]
    estimate = Estimate(todo, {})
    for each in todo:
        assert estimate.remaining(each.name, data.draw(SECONDS)) > 0
        estimate.built(each.name, data.draw(SECONDS), data.draw(st.integers(0, 50)))
    assert estimate.remaining("", 0) == 0


@pytest.mark.parametrize(
    ("before", "packages", "kept"),
    [
        (Timing(), 400, Timing(12.0, 400)),
        (Timing(), 3, Timing()),
        (Timing(90, 400), 20, Timing(90, 400)),
        (Timing(90, 400, spent=30), 0, Timing(90, 400)),
        (Timing(90, 400), 390, Timing(12.0, 390)),
    ],
)
def test_only_a_build_from_cold_is_remembered(before: Timing, packages: int, kept: Timing) -> None:
    assert remember(before, 12.0, packages) == kept


def test_steps_know_their_place_and_only_a_timed_one_says_what_is_left() -> None:
    seen: list[object] = []
    todo = [TABLE["etcd"], TABLE["kubelet"]]
    narrator = Narrator(seen.append, todo, {})
    narrator.tell("go", Phase.TOOLCHAIN)
    narrator.tell("kubelet", Phase.BUILDING, "12", timed=True)
    first, second = seen
    assert isinstance(first, Step)
    assert isinstance(second, Step)
    assert (first.position, first.remaining) == (0, None)
    assert (second.position, second.count) == (2, 2)
    assert second.remaining == pytest.approx(TABLE["etcd"].seconds + TABLE["kubelet"].seconds, abs=1)


def test_a_log_gets_a_line_for_what_is_new_and_one_now_and_then() -> None:
    now = 0.0
    out = io.StringIO()
    plain = Plain(out, clock=lambda: now)
    for second in range(int(INTERVAL * 2) + 1):
        now = float(second)
        plain(step(elapsed=now, detail=str(second)))
    plain(step(phase=Phase.VERIFYING, elapsed=now))
    plain(step(phase=Phase.DONE, elapsed=now))
    plain(Note("mirror.slow", {"name": "etcd", "reason": ""}))
    lines = out.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("[1/2] etcd: compiling")
    assert "15 packages" in lines[1]
    assert "30 packages" in lines[2]
    assert lines[3] == "[1/2] etcd: ready, 30s elapsed"


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_phase_can_be_told_in_both_languages(
    phase: Phase, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAVOK_LANG", lang)
    text = line(step(phase=phase, detail="x", elapsed=61.0, remaining=100.0))
    assert "etcd" in text
    assert "{" not in text
    assert "1m01s" in text


@pytest.mark.parametrize("why", ["cut", "slow", "checksum", "version", "failed"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_reason_to_leave_a_mirror_can_be_told(
    why: str, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAVOK_LANG", lang)
    assert "etcd" in line(Note(f"mirror.{why}", {"name": "etcd", "reason": "HTTP 404"}))


def test_times_are_as_exact_as_they_are_known() -> None:
    assert [duration(s) for s in (0.4, 59.9, 60, 125)] == ["0s", "59s", "1m00s", "2m05s"]
    assert [rough(s) for s in (0, 12, 34, 56, 400)] == ["10s", "10s", "30s", "1m", "7m"]
