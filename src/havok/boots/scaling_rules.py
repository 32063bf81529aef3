"""Whether the metrics of an autoscaler make sense, in the shape of autoscaling/v2beta1 or of v2 (6.2 rule 5).

Pure. These are Kubernetes' own rules, applied to what stands in the Boot, so that a mistake is told where it
was made and not when the autoscaler is written. Minimum against maximum is a CEL rule of the schema.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from havok.boots.fit_rules import STANDARD, is_resource
from havok.boots.quantity import amount
from havok.boots.rules import Refusal
from havok.codec import Json
from havok.crds.autoscaling import Autoscaling

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
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


def metrics(scaling: Autoscaling | None) -> Refusal | None:
    """Rule 5, also while the autoscaler is not enabled."""
    try:
        for at, metric in enumerate(scaling.metrics if scaling else ()):
            _metric(msgspec.to_builtins(metric), f"spec.hpa.metrics[{at}]")
    except Refusal as wrong:
        return wrong
    return None


def _metric(metric: Json, path: str) -> None:
    kind = metric["type"]
    if kind not in SOURCES:
        raise _unknown(kind, f"{path}.type")
    wanted = SOURCES[kind]
    given = [name for name in SOURCES.values() if name in metric]
    if wanted not in given:
        raise _needed(kind, f"{path}.{wanted}")
    for other in given:
        if other != wanted:
            raise _alone(kind, wanted, f"{path}.{other}")
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
    if source == "resource":
        _resource(source, body, path)
    else:
        _named(body, "metricName", path)
    if source == "object":
        target = body.get("target") or {}
        for field in ("kind", "name"):
            _named(target, field, f"{path}.target")
    fields = _OLD_VALUES[source]
    given = [field for field in fields if field in body]
    if not given:
        raise _no_target(fields, path)
    if len(given) > 1 and source != "object":
        raise _twice(given[0], f"{path}.{given[1]}")
    for field in given:
        _positive(body[field], f"{path}.{field}")


def _new(source: str, body: Mapping[str, Any], path: str) -> None:
    if stray := [field for field in _OLD_VALUES.get(source, ()) if field in body]:
        raise _twice("target", f"{path}.{stray[0]}")
    if source in ("resource", "containerResource"):
        _resource(source, body, path)
    else:
        _named(body.get("metric") or {}, "name", f"{path}.metric")
    if source == "containerResource":
        _container(body, f"{path}.container")
    if source == "object":
        for field in ("kind", "name"):
            _named(body.get("describedObject") or {}, field, f"{path}.describedObject")
    _target(source, body.get("target") or {}, f"{path}.target")


def _target(source: str, target: Mapping[str, Any], path: str) -> None:
    kind, allowed = target.get("type"), _ALLOWED[source]
    if kind not in allowed:
        raise _unfit(kind or "", allowed, f"{path}.type")
    wanted = _NEW_VALUES[str(kind)]
    for field in _NEW_VALUES.values():
        if field in target and field != wanted:
            raise _alone(kind, wanted, f"{path}.{field}")
    if wanted not in target:
        raise _needed(kind, f"{path}.{wanted}")
    _positive(target[wanted], f"{path}.{wanted}")


def _resource(source: str, body: Mapping[str, Any], path: str) -> None:
    """Of pods any name will do, as Kubernetes has it; a container has certain resources."""
    name = body.get("name")
    if not name:
        raise _missing(f"{path}.name")
    if source == "containerResource" and not is_resource(str(name)):
        raise _unfit(str(name), STANDARD, f"{path}.name")


def _container(body: Mapping[str, Any], path: str) -> None:
    name = str(body.get("container") or "")
    if not name:
        raise _missing(path)
    if len(name) > 63 or not _LABEL.fullmatch(name):
        raise Refusal(
            "boots.refused.hpa.container",
            f'{path}: "{name}" is no name of a container',
            "use lower case letters, digits and '-', at most 63",
            field=path, name=name,
        )  # fmt: skip


def _named(body: Mapping[str, Any], field: str, path: str) -> None:
    if not body.get(field):
        raise _missing(f"{path}.{field}")

    # the metrics API has the name in its path
    found = str(body[field])
    if found in (".", "..") or "/" in found or "%" in found:
        raise Refusal(
            "boots.refused.hpa.name",
            f'{path}.{field}: "{found}" cannot be the name of a metric or of an object',
            "use a name without / and %",
            field=f"{path}.{field}", name=found,
        )  # fmt: skip


def _positive(value: Any, path: str) -> None:
    found = amount(value)
    if found is None or found <= 0:
        raise Refusal(
            "boots.refused.hpa.positive",
            f"{path}: {value} is not greater than 0",
            "give a positive amount",
            field=path, value=value,
        )  # fmt: skip


def _missing(path: str) -> Refusal:
    return Refusal("boots.refused.hpa.missing", f"{path}: it is missing", "give it", field=path)


def _unknown(kind: str, path: str) -> Refusal:
    known = ", ".join(SOURCES)
    return Refusal(
        "boots.refused.hpa.type",
        f'{path}: "{kind}" is not known',
        f"use one of {known}",
        field=path, kind=kind, known=known,
    )  # fmt: skip


def _needed(kind: str, path: str) -> Refusal:
    return Refusal(
        "boots.refused.hpa.needed", f"{path}: type {kind} needs it", "fill it in", field=path, kind=kind
    )


def _alone(kind: str, wanted: str, path: str) -> Refusal:
    return Refusal(
        "boots.refused.hpa.alone",
        f"{path}: only {wanted} may be given with type {kind}",
        "take it out",
        field=path, kind=kind, wanted=wanted,
    )  # fmt: skip


def _no_target(fields: tuple[str, ...], path: str) -> Refusal:
    wanted = ", ".join(fields)
    return Refusal(
        "boots.refused.hpa.target",
        f"{path}: no target is given",
        f"give one of {wanted}",
        field=path, wanted=wanted,
    )  # fmt: skip


def _twice(other: str, path: str) -> Refusal:
    return Refusal(
        "boots.refused.hpa.twice",
        f"{path}: {other} is given too",
        "leave one of them out",
        field=path, other=other,
    )  # fmt: skip


def _unfit(kind: str, allowed: tuple[str, ...], path: str) -> Refusal:
    wanted = ", ".join(allowed)
    return Refusal(
        "boots.refused.hpa.unfit",
        f'{path}: "{kind}" does not fit',
        f"use one of {wanted}",
        field=path, kind=kind, wanted=wanted,
    )  # fmt: skip
