"""The pure rules of admission: what they accept, and that filling never makes what they refuse."""

import msgspec
import pytest
from hypothesis import assume, given

from havok.boots import rules, scaling_rules
from havok.boots.config import Defaults
from havok.boots.defaults import fill
from havok.boots.merge import Variables
from havok.boots.rules import Secret
from havok.codec import Json
from havok.crds import BootSpec
from havok.crds.autoscaling import Autoscaling
from havok.crds.spec import EnvVar, KeySelector, PersistentVolumeClaimMount
from havok.kube.views import ObjectMeta
from unit.boots.apps import blocks, key, specs

VARIABLES = Variables.of("shop", "test", 8080)


@given(specs, blocks)
def test_a_filled_boot_agrees_with_the_config_it_was_filled_from(spec: BootSpec, block: Defaults) -> None:
    filled = fill(spec, {}, name="shop", defaults=block, environment="test").spec
    variables = Variables.of("shop", "test", filled.port)
    assert rules.env_against_config(filled.env, None, block.env, variables) is None
    assert rules.env_against_config(filled.env, filled.env, block.env, variables) is None


@given(specs, blocks)
def test_an_env_that_the_config_never_mentions_is_free(spec: BootSpec, block: Defaults) -> None:
    assume(not {one.name for one in spec.env} & {one.name for one in block.env})
    assert rules.env_against_config(spec.env, None, block.env, VARIABLES) is None


@given(specs, blocks)
def test_what_is_left_as_it_was_is_never_refused(spec: BootSpec, block: Defaults) -> None:
    """A config that changed meanwhile waits; it does not stand in the way of another change."""
    assert rules.env_against_config(spec.env, spec.env, block.env, VARIABLES) is None


def test_a_name_that_the_config_dropped_may_be_deleted() -> None:
    assert rules.env_against_config((), (EnvVar(name="OLD", value="1"),), (), VARIABLES) is None


def test_a_templated_value_is_compared_as_it_is_worked_out() -> None:
    config = (EnvVar(name="P", value="${APP}:${PORT}"),)
    for value in ("shop:8080", "${APP}:8080"):
        assert rules.env_against_config((EnvVar(name="P", value=value),), None, config, VARIABLES) is None
    assert rules.env_against_config((EnvVar(name="P", value="x"),), None, config, VARIABLES) is not None


@pytest.mark.parametrize(("name", "legal"), [
    ("db", True), ("a.b-c", True), ("A", False), ("", False), ("-a", False), ("x" * 253, True),
    ("x" * 254, False),
])  # fmt: skip
def test_names_of_secrets(name: str, legal: bool) -> None:
    entry = {"secretKeyRef": {"name": name, "key": "k"}}
    env = BootSpec(image="a", version="1", env=(_from(entry),)).env
    assert (rules.env_syntax(env) is None) is legal


def _from(source: Json) -> EnvVar:
    return msgspec.convert({"name": "P", "valueFrom": source}, EnvVar)


def test_any_value_of_the_annotation_is_a_permission() -> None:
    asked = KeySelector(name="db", key="k")
    annotations = frozenset({"app.logancloud.com/secret-shop"})
    assert rules.secret_permission(key(), 0, asked, Secret(annotations, frozenset({"k"}))) is None
    other = frozenset({"app.logancloud.com/secret-shopping"})
    refused = rules.secret_permission(key(), 0, asked, Secret(other, frozenset({"k"})))
    assert refused is not None
    assert refused.reason == "SecretNotPermitted"


def test_system_classes_are_for_the_system() -> None:
    for namespace, code in (
        ("demo", "boots.refused.priority.system"),
        ("kube-system", "boots.refused.priority.permission"),
    ):
        refused = rules.priority_permission(namespace, "system-cluster-critical", ObjectMeta())
        assert refused is not None
        assert refused.code == code


def test_a_claim_is_exactly_the_boots_or_shared() -> None:
    claim = PersistentVolumeClaimMount(name="d", mount_path="/d")
    own = ObjectMeta(labels=key().pod_labels)
    assert rules.claim_permission(key(), 0, claim, "d", own) is None
    for labels in ({}, {**key().pod_labels, "more": "x"}, {"shared": "true"}, {"shared": "yes"}):
        assert rules.claim_permission(key(), 0, claim, "d", ObjectMeta(labels=labels)) is not None


GOOD: list[Json] = [
    {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 80}},
    {"type": "Resource", "resource": {"name": "cpu", "targetAverageValue": "100m"}},
    {"type": "Resource", "resource": {
        "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
    {"type": "ContainerResource", "containerResource": {
        "name": "cpu", "container": "app", "target": {"type": "AverageValue", "averageValue": "1"}}},
    {"type": "Pods", "pods": {"metricName": "q", "targetAverageValue": "1k"}},
    {"type": "Pods", "pods": {
        "metric": {"name": "q"}, "target": {"type": "AverageValue", "averageValue": 5}}},
    {"type": "Object", "object": {
        "target": {"kind": "Service", "name": "x"}, "metricName": "m", "targetValue": "1k"}},
    {"type": "Object", "object": {
        "describedObject": {"kind": "Service", "name": "x"}, "metric": {"name": "m"},
        "target": {"type": "Value", "value": "1k"}}},
    {"type": "External", "external": {"metricName": "m", "targetValue": "30"}},
    {"type": "External", "external": {
        "metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": 30}}},
]  # fmt: skip
BAD: list[tuple[Json, str]] = [
    ({"type": "Pods", "resource": {"name": "cpu"}}, "pods"),
    ({**GOOD[0], "pods": {"metricName": "q", "targetAverageValue": 1}}, "pods"),
    ({"type": "Resource", "resource": {"name": "", "targetAverageUtilization": 8}}, "resource.name"),
    ({"type": "Resource", "resource": {"name": "cpu", "targetAverageValue": "0"}},
     "resource.targetAverageValue"),
    ({"type": "Pods", "pods": {"targetAverageValue": "1"}}, "pods.metricName"),
    ({"type": "Object", "object": {"target": {"name": "x"}, "metricName": "m", "targetValue": 1}},
     "object.target.kind"),
    ({"type": "External", "external": {"metricName": "m"}}, "external"),
    ({"type": "External", "external": {
        "metricName": "m", "targetValue": 1, "targetAverageValue": 1}}, "external.targetAverageValue"),
    ({"type": "External", "external": {
        "metric": {"name": "m"}, "target": {"type": "Value", "value": 1, "averageValue": 1}}},
     "external.target.averageValue"),
    ({"type": "Resource", "resource": {
        "name": "cpu", "target": {"type": "Utilization"}}}, "resource.target.averageUtilization"),
    ({"type": "Resource", "resource": {
        "name": "cpu", "targetAverageValue": 1, "target": {"type": "AverageValue", "averageValue": 1}}},
     "resource.targetAverageValue"),
]  # fmt: skip


def _scaling(*metrics: Json) -> Autoscaling:
    return msgspec.convert({"metrics": list(metrics)}, Autoscaling)


def test_metrics_of_both_shapes_are_accepted_together() -> None:
    assert scaling_rules.metrics(_scaling(*GOOD)) is None
    assert scaling_rules.metrics(None) is None


@pytest.mark.parametrize(("metric", "where"), BAD, ids=[where for _, where in BAD])
def test_a_metric_that_makes_no_sense_is_refused_where_it_is_wrong(metric: Json, where: str) -> None:
    refused = scaling_rules.metrics(_scaling(GOOD[0], metric))
    assert refused is not None
    assert refused.context["field"] == f"spec.hpa.metrics[1].{where}"
