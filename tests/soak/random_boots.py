"""Boots as people and their tools might write them: mostly right, often at a border, now and then wrong.

Everything comes from the `Random` that is given, so a case is the same whenever it is made again.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Final

import msgspec

from havok.boots.names import PROFILE, RESTARTED_AT
from havok.codec import Json
from havok.crds import BOOT_KINDS, BootKind
from soak.random_values import amount, label, path, pick, some, text, wild

NAMES: Final = ("shop", "cart", "pay", "mail", "a", "n" + "x" * 46)
"""Names of Boots that are never stored."""
LIVING: Final = {kind.boot_type: f"live-{kind.boot_type}" for kind in BOOT_KINDS}
"""Boots that are stored, by type."""
FOREIGN: Final = ("Shop", "9lives", "n" * 48, "a.b", "-", "café", "x-")
CASE: Final = "soak.havok/case"
"""The annotation that leads a request to its case."""


class Boot(msgspec.Struct, frozen=True):
    """One request: create it, or change the one that lives."""

    kind: BootKind
    name: str
    body: Json
    changes: bool


def make(chance: Random, number: int) -> Boot:
    """The Boot of a case."""
    kind, changes = chance.choice(BOOT_KINDS), chance.random() < 0.5
    name = LIVING[kind.boot_type] if changes else chance.choice(NAMES)
    kind = kind_of(name) if changes or chance.random() < 0.9 else kind
    if not changes and chance.random() < 0.04:
        name = chance.choice([*FOREIGN, *LIVING.values()])
    spec: Json = {"image": chance.choice(["harbor/sample", "a", "x/y/z"]), "version": f"1.{number}"}
    for field, value in FIELDS.items():
        if chance.random() < 0.4:
            spec[field] = value(chance)
    annotations = {CASE: str(number)}
    if chance.random() < 0.4:
        annotations[PROFILE] = chance.choice(["vip", "gpu", "vip", "java", "absent", ""])
    if chance.random() < 0.1:
        annotations[RESTARTED_AT] = text(chance)
    if chance.random() < 0.3:
        for _ in range(chance.randint(1, 2)):
            chance.choice(MISTAKES)(chance, spec)
    return Boot(kind, name, {"metadata": {"name": name, "annotations": annotations}, "spec": spec}, changes)


def kind_of(name: str) -> BootKind:
    """Whose claims and secrets there are under this name."""
    rows = {living: kind for kind in BOOT_KINDS for living in [LIVING[kind.boot_type]]}
    return rows.get(name) or BOOT_KINDS[len(name) % len(BOOT_KINDS)]


def _env(chance: Random) -> list[Json]:
    names = some(chance, ["A", "B", "PLATFORM", "TIER", "JAVA_OPTS", "_x", ".y", "LAST_DEPLOY"])
    return [{"name": name, **_value(chance)} for name in names]


def _value(chance: Random) -> Json:
    if chance.random() < 0.15:
        return {"valueFrom": {"secretKeyRef": {"name": "db", "key": chance.choice(["password", "user"])}}}
    value = chance.choice(["", "1", "${APP}-${ENV}:${PORT}", "$${APP}", "vip", "<&>", "${NOPE}", "日本"])
    return {"value": chance.choice([value, text(chance)])}


def _resources(chance: Random) -> Json:
    names = ["cpu", "memory", "ephemeral-storage"]
    found: Json = {}
    for part in some(chance, ["limits", "requests"]):
        found[part] = {name: amount(chance) for name in some(chance, names)}
    if chance.random() < 0.1:
        found["limits"] = {"nvidia.com/gpu": chance.choice([1, "2"])}
    return found


def _claims(chance: Random) -> list[Json]:
    names = some(chance, ["shared-data", "data-${APP}", "logs-${APP}"])
    return [
        {"name": name, "mountPath": f"/{at}/{path(chance)}", "readOnly": name == "shared-data"}
        for at, name in enumerate(names)
    ]


def _scaling(chance: Random) -> Json:
    low = chance.choice([1, 2, 5, 100])
    found: Json = {"enable": chance.random() < 0.8}
    if chance.random() < 0.7:
        found |= {"minReplicas": low, "maxReplicas": chance.choice([max(2, low), 100])}
    if chance.random() < 0.7:
        found["metrics"] = [_metric(chance) for _ in range(chance.randint(1, 3))]
    return found


def _metric(chance: Random) -> Json:
    value = pick(chance, [1, "100m", "10", "1Gi", 1.5])
    selector = {"matchLabels": {"a": label(chance)}}
    target = {"type": "AverageValue", "averageValue": value}
    reference = {"kind": "Service", "name": "x", "apiVersion": "v1"}
    shapes: list[Json] = [
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 50}},
        {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": value}},
        {"type": "Resource", "resource": {"name": "cpu", "target": {
            "type": "Utilization", "averageUtilization": 70}}},
        {"type": "Pods", "pods": {"metricName": "qps", "targetAverageValue": value, "selector": selector}},
        {"type": "Pods", "pods": {"metric": {"name": "qps", "selector": selector}, "target": target}},
        {"type": "Object", "object": {"target": reference, "metricName": "m", "targetValue": value}},
        {"type": "Object", "object": {
            "describedObject": reference, "metric": {"name": "m"},
            "target": {"type": "Value", "value": value}}},
        {"type": "External", "external": {
            "metricName": "q", "targetValue": value, "metricSelector": selector}},
        {"type": "External", "external": {"metric": {"name": "q"}, "target": target}},
        {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app", "target": {
            "type": "Utilization", "averageUtilization": 80}}},
    ]  # fmt: skip
    return chance.choice(shapes)


FIELDS: Final[dict[str, Callable[[Random], Any]]] = {
    "replicas": lambda chance: pick(chance, [0, 1, 2, 3, 99, 100]),
    "port": lambda chance: pick(chance, [1, 80, 8080, 65535]),
    "env": _env,
    "subDomain": text,
    "health": lambda chance: pick(chance, ["", "/health", "/h?x=1&y=%20", "no-slash", "/日本", "/" * 2048]),
    "readiness": lambda chance: pick(chance, ["", "/ready"]),
    "prometheus": lambda chance: pick(chance, ["true", "false", ""]),
    "resources": _resources,
    "nodeSelector": lambda chance: {key: label(chance) for key in some(chance, ["disk", "a.b/c", "zone"])},
    "command": lambda chance: pick(chance, [[], ["java"], ["sh", "-c", "echo ${APP} $(A)"], [text(chance)]]),
    "sessionAffinity": lambda chance: pick(chance, ["ClientIP", "None", ""]),
    "nodePort": lambda chance: pick(chance, ["true", "false"]),
    "pvc": _claims,
    "priority": lambda chance: pick(chance, ["", "soak-open", "soak-open", "soak-open", "soak-closed"]),
    "workload": lambda chance: pick(chance, ["Deployment", "Deployment", "StatefulSet"]),
    "hpa": _scaling,
}


def _put(field: str, *values: Any) -> Callable[[Random, Json], None]:
    def mistake(chance: Random, spec: Json) -> None:
        spec[field] = chance.choice(values)

    return mistake


def _wild(chance: Random, spec: Json) -> None:
    spec[chance.choice([*FIELDS, "image", "version", "colour"])] = wild(chance)


def _drop(chance: Random, spec: Json) -> None:
    spec.pop(chance.choice(["image", "version"]), None)


def _odd_metric(chance: Random, spec: Json) -> None:
    metric = _metric(chance)
    source = metric[metric["type"][0].lower() + metric["type"][1:]]
    odd = chance.choice(list(source))
    if chance.random() < 0.4:
        del source[odd]
    else:
        source[odd] = chance.choice([0, -1, "", "x", {"type": "Value", "value": "1"}, "9" * 70])
    spec["hpa"] = {"enable": True, "minReplicas": 1, "maxReplicas": 3, "metrics": [metric]}


def _odd_selector(chance: Random, spec: Json) -> None:
    selector = chance.choice([
        {"matchLabels": {"a b": "c"}}, {"matchLabels": {"a": "c d"}},
        {"matchExpressions": [{"key": "a", "operator": chance.choice(["In", "Near", "Exists"])}]},
    ])  # fmt: skip
    pods = {"metricName": "qps", "targetAverageValue": 1, "selector": selector}
    spec["hpa"] = {"enable": True, "maxReplicas": 3, "metrics": [{"type": "Pods", "pods": pods}]}


SECRET: Final[Json] = {"name": "db", "key": "password"}
MISTAKES: Final[tuple[Callable[[Random, Json], None], ...]] = (
    _wild, _wild, _drop, _odd_metric, _odd_metric, _odd_selector,
    _put("image", "", " a ", "a\tb", "ü" * 300, 7), _put("version", "", "v 1", 1.5, "${APP}"),
    _put("replicas", -1, 101, 2**31, "3", 1.5), _put("port", 0, -1, 65536, "80", 8080.5),
    _put("env", [{"name": ""}], [{"name": "1A"}], [{"name": "A=B"}], [{"name": "A"}, {"name": "A"}],
         [{"name": "PLATFORM", "value": "mine"}], [{"name": "A", "value": 1}], [{"value": "x"}], [None],
         [{"name": "A", "value": "x" * 100_000}], [{"name": "A", "valueFrom": {}}]),
    _put("env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
         [{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": SECRET}}],
         [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "D_B", "key": "x"}}}],
         [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "a/b"}}}],
         [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "absent"}}}],
         [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "x"}}}]),
    _put("health", "/" * 2049, 5, "a\nb"), _put("prometheus", True, "yes"),
    _put("nodePort", True, "", "yes"), _put("sessionAffinity", "clientip", 1), _put("workload", "Job", ""),
    _put("resources", {"limits": {"cpu": "-1"}}, {"limits": {"cpu": "1x"}}, {"limits": {"colour": 1}},
         {"requests": {"nvidia.com/gpu": 1}}, {"limits": {"nvidia.com/gpu": "500m"}}, {"limits": None},
         {"limits": {"nvidia.com/gpu": 1}, "requests": {"nvidia.com/gpu": 2}}, {"claims": [{"name": "c"}]},
         {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "2", "memory": "2Gi"}}),
    _put("resources", {"limits": {"a b": 1}}, {"limits": {"hugepages-2Mi": "2Mi"}}, {"limits": {"cpu": 1e30}},
         {"limits": {"cpu": "1.2.3"}}, {"limits": {"memory": "1m"}}, {"requests": {"storage": "1Gi"}},
         {"requests": {"memory": "9" * 60}}, {"limits": {"cpu": "+1"}}, {"limits": {"": 1}},
         {"limits": {"cpu": "1" * 64}}, {"limits": {"pods": 1}}, {"limits": {"x.example/y": "0.5"}}),
    _put("nodeSelector", {"a b": "c"}, {"a": "c d"}, {"a": "x" * 64}, {"": "x"}, {"a": 1}, {"a/b/c": "x"}),
    _put("pvc", [{"name": "", "mountPath": "/a"}], [{"name": "x" * 64, "mountPath": "/a"}],
         [{"name": "shared-data", "mountPath": ""}], [{"name": "Data", "mountPath": "/a"}],
         [{"name": "shared-data", "mountPath": "/a:b"}], [{"name": "shared-data", "mountPath": "/a"}],
         [{"name": "absent", "mountPath": "/a"}], [{"name": "loose", "mountPath": "/a"}]),
    _put("pvc", [{"name": "shared-data", "mountPath": "/a", "readOnly": True},
                 {"name": "data-${APP}", "mountPath": "/a"}],
         [{"name": "data-${APP}", "mountPath": "/a"}, {"name": "data-shop", "mountPath": "/b"}],
         [{"name": "data-${APP}", "mountPath": "/log"}], [{"name": "data-${APP}", "mountPath": "a/../b"}]),
    _put("priority", "absent", "soak-closed", "system-node-critical", "A B", "x" * 300, "../x"),
    _put("hpa", {"enable": True, "minReplicas": 3}, {"enable": True, "minReplicas": 9, "maxReplicas": 2},
         {"enable": True, "minReplicas": 0}, {"enable": True, "maxReplicas": 1}, {"enable": "yes"},
         {"enable": True, "metrics": []}, {"enable": False, "metrics": [{"type": "Moon"}]}),
    _put("command", [1], "java", ["", ""]),
)  # fmt: skip
