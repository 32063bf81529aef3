"""What a revision is, as pure functions."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok.boots import names, revisions
from havok.boots.journal import Journal
from havok.boots.pause import pause_of
from havok.boots.revisions import Made
from havok.boots.spec_diff import differences
from havok.crds import Boot, BootRevision, BootSpec
from unit.boots import apps

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
phases = st.sampled_from(["Running", "Active", "Cancelled", "Complete"])


def stored(spec: BootSpec, number: int = 1, phase: str = "Running", **made: Any) -> BootRevision:
    """A revision as it comes back from the API server."""
    whole = Made(generation=number, config="", **made)
    body = revisions.build(apps.key(), "uid-1", spec, whole, number=number, before=None)
    body["metadata"]["annotations"][names.PHASE] = phase
    return msgspec.convert(json.loads(json.dumps(body)), BootRevision)


@given(apps.specs, st.integers(0, 100))
def test_a_spec_is_not_new_after_itself_whatever_its_replicas(spec: BootSpec, replicas: int) -> None:
    again = msgspec.structs.replace(spec, replicas=replicas)
    assert not revisions.is_new(again, "", 2, [stored(spec)], ())


@given(apps.specs, apps.specs, st.sets(st.sampled_from("ABCDE")))
def test_restoring_gives_the_revision_and_keeps_replicas_and_ignored_env(
    now: BootSpec, then: BootSpec, ignored: set[str]
) -> None:
    back = revisions.restore(now, stored(then), ignored)
    assert back.replicas == now.replicas
    assert revisions.essence(back, "", ignored) == revisions.essence(then, "", ignored)
    kept = {one.name: one for one in now.env if one.name in ignored}
    assert {one.name: one for one in back.env if one.name in ignored} == kept


@given(st.lists(phases, min_size=1, max_size=8), st.booleans())
def test_phases_settle_at_once_and_only_the_latest_lives(given_phases: list[str], active: bool) -> None:
    spec = BootSpec(image="a", version="1")
    history = [stored(spec, number, phase) for number, phase in enumerate(given_phases, 1)]
    new = {revisions.number(one): phase for one, phase in revisions.phases(history, active=active)}
    after = [stored(spec, number, new.get(number, phase)) for number, phase in enumerate(given_phases, 1)]
    assert revisions.phases(after, active=active) == []
    assert {revisions.phase(one) for one in after[:-1]} <= {"Cancelled", "Complete"}
    assert revisions.phase(after[-1]) == ("Active" if active else "Running")


@given(apps.specs, apps.specs)
def test_a_diff_is_a_bounded_list_of_chunks(before: BootSpec, after: BootSpec) -> None:
    text = revisions.text_diff(before, after)
    assert len(text.encode()) <= revisions.DIFF_BYTES
    assert {chunk["Type"] for chunk in json.loads(text)} <= {-1, 0, 1}


@given(apps.specs, apps.specs)
def test_differences_are_none_exactly_between_equals(before: BootSpec, after: BootSpec) -> None:
    left, right = apps.json_of(before), apps.json_of(after)
    assert (differences(left, right) == []) == (left == right)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"resources": {"limits": {"cpu": "500m"}}}, {"resources": {"limits": {"cpu": "0.5"}}}),
        ({"resources": {}}, {}),
        ({"workload": "Deployment"}, {}),
        ({"env": [{"name": "LAST_DEPLOY", "value": "x"}]}, {}),
    ],
)
def test_notations_of_the_same_thing_are_one_revision(one: dict[str, Any], other: dict[str, Any]) -> None:
    left, right = (msgspec.convert({"image": "a", "version": "1", **more}, BootSpec) for more in (one, other))
    assert not revisions.is_new(left, "", 2, [stored(right)], ("LAST_DEPLOY",))


def test_a_profile_makes_a_revision_and_an_older_generation_does_not() -> None:
    spec = BootSpec(image="a", version="1")
    assert revisions.is_new(spec, "gpu", 2, [stored(spec)], ())
    assert not revisions.is_new(BootSpec(image="a", version="0"), "", 4, [stored(spec, number=5)], ())


def test_the_journal_remembers_each_spec_until_it_is_told() -> None:
    def boot(generation: int) -> Boot:
        meta = {"name": "x", "namespace": "n", "uid": "u", "generation": generation}
        return msgspec.convert({"metadata": meta, "spec": {"image": "a", "version": "1"}}, Boot)

    journal = Journal()
    states = [boot(number) for number in (1, 2, 2, 3)]
    for old, new in zip([None, *states], states, strict=False):
        journal.note("JavaBoot", old, new)
    assert [one.metadata.generation for one in journal.read("JavaBoot", "n", "x")] == [1, 2, 3]
    journal.forget("JavaBoot", "n", "x", uid="u", until=2)
    assert [one.metadata.generation for one in journal.read("JavaBoot", "n", "x")] == [3]
    journal.note("JavaBoot", states[-1], None)
    assert journal.read("JavaBoot", "n", "x") == ()


@pytest.mark.parametrize(
    ("text", "holds", "seconds"),
    [
        ("", False, None),
        ("false", False, None),
        ("true", True, None),
        ("tomorrow", True, None),
        ("2026-11-25", True, None),
        ("2026-11-24T09:31:00Z", True, 60.0),
        ("2026-11-24T09:29:00Z", False, None),
    ],
)
def test_a_pause_holds_until_its_time(text: str, holds: bool, seconds: float | None) -> None:
    meta = {"name": "x", "annotations": {names.PAUSED: text}}
    boot = msgspec.convert({"metadata": meta, "spec": {"image": "a", "version": "1"}}, Boot)
    found = pause_of(boot, NOW)
    assert (found is not None) == holds
    assert found is None or found.seconds == seconds
