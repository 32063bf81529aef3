"""What no cluster would take of a Boot's own fields is refused at its field."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from havok.boots import fit_rules
from havok.boots.merge import Variables
from havok.codec import Json
from havok.crds import BootSpec
from unit.boots.apps import specs

VARIABLES = Variables.of("shop", "test", 8080)
CLAIM = {"name": "data-shop", "mountPath": "/a"}


def judged(**fields: Any) -> str:
    """The code of the refusal and its field; empty when it fits."""
    spec = msgspec.convert({"image": "a", "version": "1", **fields}, BootSpec)
    found = fit_rules.fit(spec, VARIABLES)
    if found is None:
        return ""
    assert found.hint
    return f"{found.code.removeprefix('boots.refused.')} {found.context['field']}"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"nodeSelector": {"a.b/c": "", "Disk_1": "x" * 63}}, ""),
        ({"nodeSelector": {"a b": "c"}}, "selector.key spec.nodeSelector"),
        ({"nodeSelector": {"a/b/c": "c"}}, "selector.key spec.nodeSelector"),
        ({"nodeSelector": {"": "c"}}, "selector.key spec.nodeSelector"),
        ({"nodeSelector": {"a": "c d"}}, "selector.value spec.nodeSelector"),
        ({"nodeSelector": {"a": "x" * 64}}, "selector.value spec.nodeSelector"),
        ({"pvc": [CLAIM, {"name": "data-${APP}", "mountPath": "/b"}]}, "pvc.twice spec.pvc[1].name"),
        ({"pvc": [CLAIM, {"name": "other", "mountPath": "/a"}]}, "pvc.place spec.pvc[1].mountPath"),
        ({"pvc": [CLAIM, {"name": "other", "mountPath": "/b"}]}, ""),
    ],
)
def test_labels_and_mounts(fields: Json, expected: str) -> None:
    assert judged(**fields) == expected


@pytest.mark.parametrize(
    ("limits", "requests", "expected"),
    [
        ({"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": 1}, {"cpu": "500m"}, ""),
        ({"hugepages-2Mi": "2Mi", "memory": "1Gi"}, {}, ""),
        ({"nvidia.com/gpu": "1000m"}, {"nvidia.com/gpu": 1}, ""),
        ({}, {"cpu": "2", "ephemeral-storage": "1Gi"}, ""),
        ({"colour": 1}, {}, "resources.name spec.resources.limits"),
        ({"": 1}, {}, "resources.name spec.resources.limits"),
        ({}, {"storage": "1Gi"}, "resources.name spec.resources.requests"),
        ({"pods": 1}, {}, "resources.name spec.resources.limits"),
        ({"x.example/y": "0.5"}, {}, "resources.whole spec.resources.limits"),
        ({"hugepages-2Mi": "2Mi"}, {}, "resources.alone spec.resources"),
        ({}, {"nvidia.com/gpu": 1}, "resources.limit spec.resources.requests"),
        ({"nvidia.com/gpu": 1}, {"nvidia.com/gpu": 2}, "resources.limit spec.resources.requests"),
        ({"cpu": "0"}, {"cpu": "500m"}, "resources.more spec.resources.requests"),
    ],
)
def test_resources(limits: Json, requests: Json, expected: str) -> None:
    assert judged(resources={"limits": limits, "requests": requests}) == expected


@given(specs)
def test_judging_changes_nothing(spec: BootSpec) -> None:
    before = msgspec.json.encode(spec)
    fit_rules.fit(spec, VARIABLES)
    assert msgspec.json.encode(spec) == before
