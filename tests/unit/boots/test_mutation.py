"""The mutating webhook's answer is a patch of exactly what was open."""

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given

from havok.boots import config, names
from havok.boots.config import Defaults, Platform
from havok.boots.defaults import fill
from havok.boots.merge import Variables
from havok.boots.mutation import Incoming, patch, refusal
from havok.boots.pin import deploying_hash
from havok.boots.rules import env_against_config
from havok.crds import BootSpec
from havok.crds.spec import PersistentVolumeClaimMount
from unit.boots.apps import blocks, json_of, key, specs

NOW = "2026-11-24T09:30:00Z"
JAVA = key().kind


def incoming(spec: BootSpec, annotations: dict[str, str] | None = None) -> Incoming:
    return Incoming(spec, annotations or {})


Said = tuple[BootSpec, dict[str, str]]


def apply(spec: BootSpec, operations: list[Any]) -> Said:
    """What the API server makes of such a patch of a Boot without annotations."""
    document: dict[str, Any] = {"spec": dict(json_of(spec)), "metadata": {"annotations": {}}}
    for operation in operations:
        assert operation["op"] == "add"
        where, field = operation["path"].strip("/").split("/")
        document[where][field] = operation["value"]
    return msgspec.convert(document["spec"], BootSpec), document["metadata"]["annotations"]


def test_only_what_is_open_is_patched() -> None:
    spec = BootSpec(image="a", version="1", port=80, health="")
    operations = patch(JAVA, "shop", incoming(spec), None, config.built_in("test"), NOW)
    assert {operation["path"] for operation in operations} == {
        "/spec/replicas", "/spec/prometheus", "/metadata/annotations",
    }  # fmt: skip


def test_a_change_by_a_person_is_stamped_with_quotes_inside() -> None:
    old = incoming(BootSpec(image="a", version="1"), {"mine": "1"})
    new = incoming(BootSpec(image="a", version="2"), {"mine": "1"})
    operations = patch(JAVA, "shop", new, old, config.built_in("test"), NOW)
    stamps = [one["value"] for one in operations if one["path"].endswith("lastUpdateTimeStamp")]
    assert stamps == [f'"{NOW}"']


def test_what_the_operator_writes_is_not_stamped() -> None:
    spec = BootSpec(image="a", version="1")
    done = fill(spec, {}, name="shop", defaults=Defaults(), environment="test")
    old = incoming(done.spec, done.annotations)
    new = incoming(done.spec, {**done.annotations, names.AVAILABLE: "1"})
    assert patch(JAVA, "shop", new, old, config.built_in("test"), NOW) == []


@pytest.mark.parametrize(
    ("name", "path", "words"),
    [
        ("", "/a", "spec.pvc.name in body should be at least 1 chars long"),
        ("x" * 64, "/a", "spec.pvc.name in body should be at most 63 chars long"),
        ("x", "", "spec.pvc.mountPath in body should be at least 1 chars long"),
        ("x" * 63, "/a", ""),
    ],
)
def test_two_lengths_are_refused_in_exact_words(name: str, path: str, words: str) -> None:
    claim = PersistentVolumeClaimMount(name=name, mount_path=path)
    refused = refusal(BootSpec(image="a", version="1", pvc=(claim,)))
    assert (refused.text if refused else "") == words


def test_a_malformed_object_is_left_to_the_schema() -> None:
    assert Incoming.read({"spec": {"image": "a", "version": 1}}) is None
    assert Incoming.read({"spec": {"image": "a"}}) is None
    assert Incoming.read(None) is None
    assert Incoming.read({"metadata": {}, "spec": {"image": "a", "version": "1"}}) is not None


@given(specs, blocks)
def test_webhook_and_reconciler_fill_alike(spec: BootSpec, block: Defaults) -> None:
    platform = Platform(digest="d", environment="test", blocks={"java": block})
    variables = Variables.of("shop", "test", spec.port or block.port)
    assume(env_against_config(spec.env, None, block.env, variables) is None)
    operations = patch(JAVA, "shop", incoming(spec), None, platform, NOW)
    by_webhook = apply(spec, operations)
    by_reconciler = fill(spec, {}, name="shop", defaults=block, environment="test")
    assert by_webhook == (by_reconciler.spec, by_reconciler.annotations)
    assert patch(JAVA, "shop", incoming(*by_webhook), incoming(*by_webhook), platform, NOW) == []


@given(specs)
def test_scaling_and_scraping_do_not_deploy(spec: BootSpec) -> None:
    scaled = msgspec.structs.replace(spec, replicas=7, prometheus="true", session_affinity="ClientIP")
    assert deploying_hash(spec, "") == deploying_hash(scaled, "")
    assert deploying_hash(spec, "") != deploying_hash(spec, "vip")
    assert deploying_hash(spec, "") != deploying_hash(msgspec.structs.replace(spec, version="other"), "")
