"""Where nothing changed nothing is written, and nobody shares anything: the properties of the pure core."""

from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from havok.boots import claims, config, defaults, drift, names, reach, revisions
from havok.boots.config import Defaults
from havok.boots.live import Workload
from havok.boots.merge import Variables, expand_container, expand_volume
from havok.boots.pin import Pin, deploying_hash
from havok.boots.render import App, Objects, render
from havok.boots.revisions import Made
from havok.codec import Json, decode_json, encode_json
from havok.crds import Boot, BootRevision, BootSpec
from unit.boots.apps import app, block_of, blocks, filled, key, kinds, specs

CONFIGS = st.sampled_from(["{}", "java: {app: {port: 81, env: [{name: A, value: x}]}}", '{"vip": {}}'])


def as_stored(value: object) -> Any:
    """What comes back from the API server: the same, and shared with nobody."""
    return decode_json(encode_json(value))


def containers(value: Any) -> Iterator[int]:
    """The identity of everything inside that could be changed in place."""
    if isinstance(value, dict | list) and value:
        yield id(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    if isinstance(value, msgspec.Struct):
        inner = [getattr(value, name) for name in value.__struct_fields__]
    for one in inner:
        yield from containers(one)


def everything(objects: Objects) -> list[Json]:
    beside = [one for one in (objects.autoscaler, objects.ingress) if one is not None]
    return [objects.workload, *objects.services, *beside]


@given(specs, blocks)
def test_a_spec_is_the_same_after_the_wire(spec: BootSpec, block: Defaults) -> None:
    for one in (spec, filled(spec, block)):
        assert msgspec.convert(as_stored(one), BootSpec) == one


@given(specs, blocks)
def test_filling_what_was_stored_changes_nothing(spec: BootSpec, block: Defaults) -> None:
    once = defaults.fill(spec, {}, name="shop", defaults=block, environment="dev")
    stored = msgspec.convert(as_stored(once.spec), BootSpec)
    again = defaults.fill(stored, once.annotations, name="shop", defaults=block, environment="dev")
    assert (again.spec, again.annotations) == (once.spec, {})


@given(specs, blocks)
def test_nothing_filled_or_rendered_is_shared(spec: BootSpec, block: Defaults) -> None:
    """Neither with the platform nor between two Boots: what one changes no other sees."""
    given_ids = {*containers(block)}
    first, second = (app(msgspec.convert(as_stored(spec), BootSpec), block) for _ in range(2))
    assert given_ids.isdisjoint(containers(first.spec))
    assert {*containers(first.spec)}.isdisjoint(containers(second.spec))
    one, other = (everything(render(each, block, "dev")) for each in (first, second))
    assert {*containers(one)}.isdisjoint(containers(other))
    assert given_ids.isdisjoint(containers(one))
    assert {*containers(first.spec)}.isdisjoint(containers(one))


@given(specs, blocks, kinds)
def test_what_was_written_asks_for_no_further_write(spec: BootSpec, block: Defaults, kind: str) -> None:
    first = app(spec, block, kind=kind)
    pin = Pin("0123456789", deploying_hash(first.spec, ""))
    written = pin.put_on(render(first, block, "dev").workload)
    live = msgspec.convert(as_stored(written), Workload)
    again = App(
        key=first.key, uid=first.uid, spec=first.spec,
        governing=live.spec.service_name, sidecar_ports=live.spec.template.spec.sidecar_ports,
    )  # fmt: skip
    rendered = render(again, block, "dev")
    assert rendered == render(first, block, "dev")
    assert not drift.of_workload(rendered.workload, live)
    assert drift.narrow_patch(rendered.workload, live, pin) == {}


@given(specs, blocks)
def test_claims_are_remembered_once(spec: BootSpec, block: Defaults) -> None:
    done = app(spec, block)
    only = render(done, block, "dev").workload["spec"]["template"]["spec"]["containers"][0]
    mounts = only.get("volumeMounts", ())
    first = claims.remembered(done.spec, mounts, {})
    assert claims.remembered(done.spec, mounts, first) == {}


@given(st.lists(specs, min_size=1, max_size=4), st.sets(st.sampled_from("ABCDE")))
@settings(max_examples=60)
def test_recording_a_history_again_records_nothing(seen: list[BootSpec], ignored: set[str]) -> None:
    history: list[BootRevision] = []
    for generation, spec in enumerate(seen, 1):
        if revisions.is_new(spec, "", generation, history, ignored):
            history.append(_recorded(spec, generation, len(history) + 1, ignored))
    before = encode_json(history)
    for generation, spec in enumerate(seen, 1):
        assert not revisions.is_new(spec, "", generation, history, ignored)
    assert encode_json(history) == before
    assert [revisions.number(one) for one in revisions.in_order(reversed(history))] == [
        *range(1, len(history) + 1)
    ]
    assert len(history) - len(revisions.surplus(history, 2)) == min(2, len(history))


def _recorded(spec: BootSpec, generation: int, number: int, ignored: set[str]) -> BootRevision:
    made = Made(generation=generation, config="", ignored=tuple(sorted(ignored)))
    body = revisions.build(key(), "uid-1", spec, made, number=number, before=None)
    return msgspec.convert(as_stored(body), BootRevision)


@given(specs, specs, st.sets(st.sampled_from("ABCDE")))
def test_restoring_twice_is_restoring_once(now: BootSpec, then: BootSpec, ignored: set[str]) -> None:
    revision = _recorded(then, 1, 1, ignored)
    before = encode_json((now, revision))
    once = revisions.restore(now, revision, ignored)
    assert revisions.restore(once, revision, ignored) == once
    assert encode_json((now, revision)) == before


@given(CONFIGS, specs)
def test_the_same_config_reaches_nobody(text: str, spec: BootSpec) -> None:
    old, new = config.parse(text, "test"), config.parse(text, "test")
    assert old == new
    meta = {"name": "shop", "namespace": "demo", "uid": "u", "annotations": {names.PROFILE: "vip"}}
    boot = msgspec.convert({"metadata": meta, "spec": as_stored(spec)}, Boot)
    assert reach.reached([(key(), boot)], old, new) == []


def test_expanding_shares_nothing_with_the_config() -> None:
    block = block_of(
        "java: {sideCarContainers: [{name: s, image: i, args: [a], env: [{name: A, value: x}]}]}"
    )
    (sidecar,) = block.sidecars
    variables = Variables.of("shop", "test", 80)
    assert {*containers(sidecar)}.isdisjoint(containers(expand_container(sidecar, variables)))
    volume = {"name": "${APP}", "persistentVolumeClaim": {"claimName": "${APP}"}, "list": [{"a": 1}]}
    assert {*containers(volume)}.isdisjoint(containers(expand_volume(volume, variables)))
