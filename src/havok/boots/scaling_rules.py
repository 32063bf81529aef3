"""Whether the metrics of an autoscaler make sense, in the shape of autoscaling/v2beta1 or of v2 (6.2 rule 5).

Pure. These are Kubernetes' own rules, applied to what stands in the Boot, so that a mistake is told where it
was made and not when the autoscaler is written. Minimum against maximum is a CEL rule of the schema.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from havok.boots.quantity import amount
from havok.boots.rules import Refusal
from havok.codec import Json
from havok.crds.autoscaling import Autoscaling

SOURCES = {
    "Resource": "resource", "Pods": "pods", "Object": "object", "External": "external",
    "ContainerResource": "containerResource",
}  # fmt: skip
_OLD_VALUES = {
    "resource": ("targetAverageUtilization", "targetAverageValue"),
    "pods": ("targetAverageValue",),
    "object": ("targetValue", "averageValue"),
    "external": ("targetValue", "targetAverageValue"),
}
_NEW_VALUES = {"Utilization": "averageUtilization", "Value": "value", "AverageValue": "averageValue"}
_ALLOWED = {
    "resource": ("Utilization", "AverageValue"),
    "containerResource": ("Utilization", "AverageValue"),
    "pods": ("AverageValue",),
    "object": ("Value", "AverageValue"),
    "external": ("Value", "AverageValue"),
}


class _Wrong(Exception):  # noqa: N818  a finding
    def __init__(self, path: str, words: str) -> None:
        super().__init__(path, words)
        self.path = path
        self.words = words


def metrics(scaling: Autoscaling | None) -> Refusal | None:
    """Rule 5, also while the autoscaler is not enabled."""
    try:
        for at, metric in enumerate(scaling.metrics if scaling else ()):
            _metric(msgspec.to_builtins(metric), f"spec.hpa.metrics[{at}]")
    except _Wrong as wrong:
        return Refusal(
            "boots.refused.hpa",
            f"{wrong.path}: {wrong.words}",
            "`kubectl explain javaboot.spec.hpa.metrics` tells what a metric looks like",
            field=wrong.path, cause=wrong.words,
        )  # fmt: skip
    return None


def _metric(metric: Json, path: str) -> None:
    kind = metric["type"]
    if kind not in SOURCES:
        raise _Wrong(f"{path}.type", f'"{kind}" is not known; use one of {", ".join(SOURCES)}')
    wanted = SOURCES[kind]
    given = [name for name in SOURCES.values() if name in metric]
    if wanted not in given:
        raise _Wrong(f"{path}.{wanted}", f"type {kind} needs it; fill it in")
    for other in given:
        if other != wanted:
            raise _Wrong(f"{path}.{other}", f"only {wanted} may be given with type {kind}; take it out")
    source, where = metric[wanted], f"{path}.{wanted}"
    if is_new(wanted, source):
        _new(wanted, source, where)
    else:
        _old(wanted, source, where)


def is_new(source: str, body: Mapping[str, Any]) -> bool:
    """Whether the source is written in the shape of autoscaling/v2."""
    if source == "containerResource" or "metric" in body or "describedObject" in body:
        return True
    return source != "object" and "target" in body


def _old(source: str, body: Mapping[str, Any], path: str) -> None:
    name = "name" if source == "resource" else "metricName"
    _named(body, name, path)
    if source == "object":
        target = body.get("target") or {}
        for field in ("kind", "name"):
            _named(target, field, f"{path}.target")
    fields = _OLD_VALUES[source]
    given = [field for field in fields if field in body]
    if not given:
        raise _Wrong(path, f"no target is given; give {' or '.join(fields)}")
    if len(given) > 1 and source != "object":
        raise _Wrong(f"{path}.{given[1]}", f"{given[0]} is given too; leave one of them out")
    if source == "object" and "targetValue" not in body and "averageValue" not in body:
        raise _Wrong(f"{path}.targetValue", "it is missing; give it")
    for field in given:
        _positive(body[field], f"{path}.{field}")


def _new(source: str, body: Mapping[str, Any], path: str) -> None:
    if stray := [field for field in _OLD_VALUES.get(source, ()) if field in body]:
        raise _Wrong(f"{path}.{stray[0]}", "target is given too; leave one of them out")
    if source in ("resource", "containerResource"):
        _named(body, "name", path)
    else:
        _named(body.get("metric") or {}, "name", f"{path}.metric")
    if source == "containerResource":
        _named(body, "container", path)
    if source == "object":
        for field in ("kind", "name"):
            _named(body.get("describedObject") or {}, field, f"{path}.describedObject")
    _target(source, body.get("target") or {}, f"{path}.target")


def _target(source: str, target: Mapping[str, Any], path: str) -> None:
    kind, allowed = target.get("type"), _ALLOWED[source]
    if kind not in allowed:
        raise _Wrong(f"{path}.type", f'"{kind or ""}" does not fit; use {" or ".join(allowed)}')
    wanted = _NEW_VALUES[str(kind)]
    for field in _NEW_VALUES.values():
        if field in target and field != wanted:
            raise _Wrong(f"{path}.{field}", f"type {kind} has {wanted} alone; leave {field} out")
    if wanted not in target:
        raise _Wrong(f"{path}.{wanted}", f"type {kind} needs it; give it")
    _positive(target[wanted], f"{path}.{wanted}")


def _named(body: Mapping[str, Any], field: str, path: str) -> None:
    if not body.get(field):
        raise _Wrong(f"{path}.{field}", "it is missing; give it")


def _positive(value: Any, path: str) -> None:
    found = amount(value)
    if found is None or found <= 0:
        raise _Wrong(path, f"{value} is not greater than 0; give a positive amount")
