"""Who changed a Boot is what the webhook saw, and never what somebody wrote there."""

import msgspec
from hypothesis import given

from havok.boots import author, config, names
from havok.boots.mutation import Incoming, patch
from havok.crds import BootSpec
from unit.boots.apps import key, specs

NOW = "2026-11-24T09:30:00Z"
SPEC = BootSpec(image="a", version="1")


def after(new: Incoming, old: Incoming | None, user: str | None) -> Incoming:
    """The Boot as the webhook makes it."""
    spec, annotations = msgspec.to_builtins(new.spec), dict(new.annotations)
    for one in patch(key().kind, "shop", new, old, config.built_in("test"), NOW, user):
        _, where, *rest = one["path"].split("/")
        name = rest[-1].replace("~1", "/").replace("~0", "~")
        if one["op"] == "remove":
            del annotations[name]
        elif where == "spec":
            spec[name] = one["value"]
        elif len(rest) == 1:
            annotations = one["value"]
        else:
            annotations[name] = one["value"]
    return Incoming(msgspec.convert(spec, BootSpec), annotations)


@given(specs)
def test_a_change_of_the_spec_is_the_users(spec: BootSpec) -> None:
    made = after(Incoming(spec, {}), None, "ann")
    assert author.of(made.annotations, made.spec) == "ann"
    changed = Incoming(msgspec.structs.replace(made.spec, image="other/image"), made.annotations)
    changed = after(changed, made, "bob")
    assert author.of(changed.annotations, changed.spec) == "bob"
    assert author.by_reconciler(changed.annotations, changed.spec, changed.spec) == {}


def test_nobody_can_write_anothers_name() -> None:
    made = after(Incoming(SPEC, {names.CHANGED_BY: "boss"}), None, "ann")
    assert made.annotations[names.CHANGED_BY] == "ann"
    forged = Incoming(made.spec, {**made.annotations, names.CHANGED_BY: "boss", names.CHANGED_SPEC: "x"})
    assert after(forged, made, "eve").annotations == {
        **made.annotations, names.CHANGED_BY: "ann",
    }  # fmt: skip
    cleared = Incoming(made.spec, {"mine": "1"})
    assert after(cleared, made, "eve").annotations[names.CHANGED_BY] == "ann"


def test_a_name_that_was_never_there_is_taken_out() -> None:
    filled = after(Incoming(SPEC, {}), None, None)
    forged = Incoming(filled.spec, {**filled.annotations, names.CHANGED_BY: "boss"})
    assert names.CHANGED_BY not in after(forged, filled, "eve").annotations


def test_without_a_webhook_it_is_unknown() -> None:
    assert author.by_reconciler({}, SPEC, SPEC)[names.CHANGED_BY] == author.UNKNOWN
    made = after(Incoming(SPEC, {}), None, "ann")
    unseen = msgspec.structs.replace(made.spec, version="2")
    assert author.by_reconciler(made.annotations, unseen, unseen)[names.CHANGED_BY] == author.UNKNOWN
    scaled = msgspec.structs.replace(made.spec, replicas=9)
    assert author.by_reconciler(made.annotations, scaled, scaled) == {}


def test_the_operators_own_filling_keeps_the_name() -> None:
    annotations = author.by_request("ann", SPEC)
    filled = msgspec.structs.replace(SPEC, port=8080)
    written = author.by_reconciler(annotations, SPEC, filled)
    assert author.of({**annotations, **written}, filled) == "ann"


def test_who_asks_for_a_rollback_is_the_one_who_writes_the_number() -> None:
    made = after(Incoming(SPEC, {}), None, "ann")
    asked = Incoming(made.spec, {**made.annotations, names.ROLLBACK_TO: "1", names.ROLLBACK_BY: "boss"})
    asked = after(asked, made, "bob")
    assert asked.annotations[names.ROLLBACK_BY] == "bob"
    again = after(Incoming(asked.spec, {**asked.annotations, "mine": "1"}), asked, "eve")
    assert again.annotations[names.ROLLBACK_BY] == "bob"
