"""Time as Kubernetes writes it, there and back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok import clock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(2 * 86400 * 10**6, 250_000_000_000 * 10**6).map(
    lambda microseconds: EPOCH + timedelta(microseconds=microseconds)
)
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def test_now_is_aware() -> None:
    assert clock.utcnow().utcoffset() == timedelta(0)


@given(MOMENTS)
def test_micro_time_reads_back_as_it_was(moment: datetime) -> None:
    assert clock.parse_rfc3339(clock.rfc3339(moment, micro=True)) == moment


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_whole_seconds_read_back_from_any_zone(moment: datetime, offset: int) -> None:
    there = moment.astimezone(timezone(timedelta(minutes=offset)))
    written = clock.rfc3339(there)
    assert written.endswith("Z") and len(written) == 20
    assert clock.parse_rfc3339(written) == moment.replace(microsecond=0)


@given(
    MOMENTS, st.text("0123456789", min_size=1, max_size=12), st.sampled_from(["Z", "z", "+08:00", "-03:30"])
)
def test_any_number_of_digits_is_read(moment: datetime, digits: str, zone: str) -> None:
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{digits}{zone}"
    read = clock.parse_rfc3339(text)
    assert read.microsecond == int(digits[:6].ljust(6, "0"))
    assert read.utcoffset() is not None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00.Q"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        clock.parse_rfc3339(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"), (43, "43s"), (119, "119s"), (120, "2m"), (312, "5m12s"), (600, "10m"), (7200, "120m"),
        (3 * 3600 + 240, "3h4m"), (5 * 3600, "5h"), (8 * 3600, "8h"), (47 * 3600, "47h"), (48 * 3600, "2d"),
        (53 * 3600, "2d5h"), (90 * 86400, "90d"),
    ],
)  # fmt: skip
def test_ages_read_as_kubectl_writes_them(seconds: int, words: str) -> None:
    assert clock.age(NOW - timedelta(seconds=seconds), NOW) == words


def test_a_moment_in_the_future_is_no_age() -> None:
    assert clock.age(NOW + timedelta(seconds=5), NOW) == "0s"


@given(st.integers(0, 10**8), st.integers(0, 10**8))
def test_an_age_never_says_more_than_has_passed(first: int, second: int) -> None:
    shorter, longer = sorted((first, second))
    assert _seconds(clock.age(NOW - timedelta(seconds=shorter), NOW)) <= shorter
    assert _seconds(clock.age(NOW - timedelta(seconds=shorter), NOW)) <= longer


def _seconds(words: str) -> int:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    total, number = 0, ""
    for letter in words:
        if letter.isdigit():
            number += letter
        else:
            total, number = total + int(number) * units[letter], ""
    return total
