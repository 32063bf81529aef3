"""Metrics of both shapes become autoscaling/v2, and the target is the Boot itself (contract 3.9)."""

from typing import Any

import msgspec
import pytest

from havok.boots.autoscaler import autoscaler, metric
from havok.crds import BootSpec
from havok.crds.autoscaling import Autoscaling, Metric
from unit.boots.apps import app

SPEC = BootSpec(image="harbor/sample", version="1.0")
SELECTOR = {"matchLabels": {"queue": "a"}}
INGRESS = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "x"}


def test_an_enabled_autoscaler_is_filled_and_scales_the_boot() -> None:
    made = autoscaler(app(msgspec.structs.replace(SPEC, hpa=Autoscaling(enable=True))))
    assert made is not None
    assert made["apiVersion"] == "autoscaling/v2"
    (owner,) = made["metadata"]["ownerReferences"]
    assert (made["metadata"]["name"], owner["controller"]) == ("shop", True)
    assert "labels" not in made["metadata"]
    assert made["spec"] == {
        "scaleTargetRef": {"apiVersion": "app.logancloud.com/v1", "kind": "JavaBoot", "name": "shop"},
        "minReplicas": 1, "maxReplicas": 5,
        "metrics": [
            {"type": "Resource",
             "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
        ],
    }  # fmt: skip


@pytest.mark.parametrize("hpa", [None, Autoscaling(), Autoscaling(min_replicas=1, max_replicas=3)])
def test_without_enable_there_is_none(hpa: Autoscaling | None) -> None:
    assert autoscaler(app(msgspec.structs.replace(SPEC, hpa=hpa))) is None


def resource(target: Any) -> Any:
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


PAIRS: list[tuple[Any, Any]] = [
    (
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 70}},
        resource({"type": "Utilization", "averageUtilization": 70}),
    ),
    (
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageValue": "500m"}},
        resource({"type": "AverageValue", "averageValue": "500m"}),
    ),
    (
        {
            "type": "Pods",
            "pods": {"metricName": "qps", "targetAverageValue": "10", "selector": SELECTOR},
        },
        {
            "type": "Pods",
            "pods": {
                "metric": {"name": "qps", "selector": SELECTOR},
                "target": {"type": "AverageValue", "averageValue": "10"},
            },
        },
    ),
    (
        {"type": "Object", "object": {"target": INGRESS, "metricName": "hits", "targetValue": "100"}},
        {
            "type": "Object",
            "object": {
                "describedObject": INGRESS,
                "metric": {"name": "hits"},
                "target": {"type": "Value", "value": "100"},
            },
        },
    ),
    (
        {
            "type": "Object",
            "object": {
                "target": INGRESS, "metricName": "hits", "targetValue": "100", "averageValue": "7",
            },
        },
        {
            "type": "Object",
            "object": {
                "describedObject": INGRESS,
                "metric": {"name": "hits"},
                "target": {"type": "AverageValue", "averageValue": "7"},
            },
        },
    ),
    (
        {
            "type": "External",
            "external": {"metricName": "lag", "metricSelector": SELECTOR, "targetValue": 30},
        },
        {
            "type": "External",
            "external": {
                "metric": {"name": "lag", "selector": SELECTOR}, "target": {"type": "Value", "value": 30},
            },
        },
    ),
    (
        {"type": "External", "external": {"metricName": "lag", "targetAverageValue": "3"}},
        {
            "type": "External",
            "external": {
                "metric": {"name": "lag"}, "target": {"type": "AverageValue", "averageValue": "3"},
            },
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_the_older_shape_becomes_the_newer(old: Any, new: Any) -> None:
    assert metric(msgspec.convert(old, Metric)) == new


CONTAINER = {"type": "ContainerResource", "containerResource": {
    "name": "cpu", "container": "app", "target": {"type": "Utilization", "averageUtilization": 60},
}}  # fmt: skip


@pytest.mark.parametrize("new", [*(new for _, new in PAIRS), CONTAINER])
def test_the_newer_shape_stays_as_it_is(new: Any) -> None:
    assert metric(msgspec.convert(new, Metric)) == new
