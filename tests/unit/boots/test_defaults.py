"""What a Boot leaves open is filled once, visibly, and the same everywhere."""

import msgspec
from hypothesis import given

from havok.boots import defaults, names
from havok.boots.config import Defaults
from havok.codec import decode_json
from havok.crds import BootSpec
from havok.crds.autoscaling import Autoscaling
from havok.crds.spec import EnvVar, ResourceRequirements
from unit.boots.apps import blocks, filled, specs

SIX_LINES = BootSpec(image="harbor/sample", version="1.0")


def test_six_lines_become_a_whole_spec() -> None:
    spec = filled(SIX_LINES)
    assert (spec.port, spec.replicas, spec.health, spec.prometheus) == (8080, 1, "/health", "true")
    assert spec.workload == ""


def test_what_a_person_says_stays() -> None:
    said = BootSpec(image="a", version="1", replicas=0, health="", port=80, prometheus="false")
    spec = filled(said, Defaults(replicas=3, port=9000))
    assert (spec.replicas, spec.health, spec.port, spec.prometheus) == (0, "", 80, "false")


def test_env_is_merged_by_name_with_templates_replaced() -> None:
    block = Defaults(env=(EnvVar(name="A", value="${APP}-${ENV}-${PORT}"), EnvVar(name="C", value="c")))
    said = msgspec.structs.replace(
        SIX_LINES, env=(EnvVar(name="B", value="$${APP}"), EnvVar(name="A", value="x"))
    )
    done = defaults.fill(said, {}, name="shop", defaults=block, environment="test")
    assert [(one.name, one.value) for one in done.spec.env] == [
        ("B", "$shop"), ("A", "shop-test-8080"), ("C", "c"),
    ]  # fmt: skip
    assert done.annotations[names.ENV_STATE] == "generated"
    assert done.annotations[names.LAST_IMAGE] == "harbor/sample:1.0"


def test_config_env_waits_for_the_next_change_of_env_or_image() -> None:
    first = defaults.fill(SIX_LINES, {}, name="shop", defaults=Defaults(), environment="test")
    newer = Defaults(env=(EnvVar(name="NEW", value="1"),))
    same = defaults.fill(first.spec, first.annotations, name="shop", defaults=newer, environment="test")
    assert same.spec.env == ()
    deployed = msgspec.structs.replace(first.spec, version="2.0")
    after = defaults.fill(deployed, first.annotations, name="shop", defaults=newer, environment="test")
    assert after.spec.env == newer.env


def test_the_remembered_env_is_go_json() -> None:
    done = defaults.fill(SIX_LINES, {}, name="shop", defaults=Defaults(), environment="test")
    assert done.annotations[names.LAST_ENV] == "null"
    said = msgspec.structs.replace(SIX_LINES, env=(EnvVar(name="A", value="<a&b>"),))
    text = defaults.fill(said, {}, name="s", defaults=Defaults(), environment="test").annotations[
        names.LAST_ENV
    ]
    assert text == '[{"name":"A","value":"\\u003ca\\u0026b\\u003e"}]'
    assert decode_json(text) == [{"name": "A", "value": "<a&b>"}]


def test_an_unreadable_memory_means_a_new_merge() -> None:
    state = {names.LAST_ENV: "{", names.LAST_IMAGE: "harbor/sample:1.0"}
    done = defaults.fill(SIX_LINES, state, name="shop", defaults=Defaults(), environment="test")
    assert done.annotations[names.LAST_ENV] == "null"


def test_resources_are_filled_part_by_part_and_requests_stay_below_limits() -> None:
    config = ResourceRequirements(limits={"cpu": "2", "memory": "1Gi"}, requests={"cpu": "1"})
    own = ResourceRequirements(limits={"cpu": "500m", "nvidia.com/gpu": 1})
    found = defaults.fill_resources(own, config)
    assert found is not None
    assert found.limits == {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": 1}
    assert found.requests == {"cpu": "500m"}


def test_partial_config_resources_fill_only_what_they_have() -> None:
    config = ResourceRequirements(limits={"cpu": "2"})
    own = ResourceRequirements(limits={"nvidia.com/gpu": 1})
    once = defaults.fill_resources(own, config)
    assert once is not None
    assert once.limits == {"nvidia.com/gpu": 1, "cpu": "2"}
    assert defaults.fill_resources(once, config) == once


def test_autoscaling_gets_ends_and_a_metric_only_when_enabled() -> None:
    off = filled(msgspec.structs.replace(SIX_LINES, hpa=Autoscaling(enable=False)))
    assert off.hpa == Autoscaling(enable=False)
    on = filled(msgspec.structs.replace(SIX_LINES, hpa=Autoscaling(enable=True)), Defaults(replicas=2))
    assert on.hpa is not None
    assert (on.hpa.min_replicas, on.hpa.max_replicas, len(on.hpa.metrics)) == (2, 5, 1)
    alone = filled(msgspec.structs.replace(SIX_LINES, hpa=Autoscaling(enable=True, min_replicas=3)))
    assert alone.hpa is not None
    assert alone.hpa.max_replicas is None


@given(specs, blocks)
def test_filling_twice_is_filling_once(spec: BootSpec, block: Defaults) -> None:
    once = defaults.fill(spec, {}, name="shop", defaults=block, environment="test")
    twice = defaults.fill(once.spec, once.annotations, name="shop", defaults=block, environment="test")
    assert twice.spec == once.spec
    assert twice.annotations == {}


@given(specs, blocks)
def test_filling_changes_nothing_it_was_given(spec: BootSpec, block: Defaults) -> None:
    before = msgspec.json.encode((spec, block))
    done = defaults.fill(spec, {}, name="shop", defaults=block, environment="test")
    done.spec.node_selector["mine"] = "alone"
    if done.spec.resources is not None:
        done.spec.resources.limits["mine"] = "1"
    assert msgspec.json.encode((spec, block)) == before
