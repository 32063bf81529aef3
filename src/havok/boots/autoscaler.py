"""The HorizontalPodAutoscaler of an app, written as autoscaling/v2 (contract 3.9).

Pure. Metrics in a Boot may have the shape of autoscaling/v2beta1 or of v2, each on its own. The target is the
Boot itself: the autoscaler writes its replicas by the subresource `scale`, and the workload follows.
"""

from typing import Any

import msgspec

from havok.boots.app import App
from havok.codec import Json
from havok.crds.autoscaling import Metric


def autoscaler(app: App) -> Json | None:
    """The autoscaler of a filled Boot; None when it is not enabled."""
    wanted = app.spec.hpa
    if wanted is None or not wanted.enable:
        return None
    target = app.key.owner_reference(app.uid)
    spec: Json = {
        "scaleTargetRef": {field: target[field] for field in ("apiVersion", "kind", "name")},
        "maxReplicas": wanted.max_replicas or max(2, wanted.min_replicas or 1),
        "metrics": [metric(one) for one in wanted.metrics],
    }
    if wanted.min_replicas is not None:
        spec["minReplicas"] = wanted.min_replicas
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": app.metadata(app.key.name),
        "spec": spec,
    }


def metric(said: Metric) -> Json:
    """One metric in the shape of autoscaling/v2; what is not known is left to the API server to refuse."""
    source: Json = msgspec.to_builtins(said)
    convert = {"Resource": _resource, "Pods": _pods, "Object": _object, "External": _external}
    field = said.type[:1].lower() + said.type[1:]
    found = source.get(field)
    if found is None or said.type not in convert:
        return source
    return {"type": said.type, field: convert[said.type](found)}


def _resource(old: Json) -> Json:
    if "target" in old:
        return {"name": old["name"], "target": old["target"]}
    per_cent = old.get("targetAverageUtilization")
    if per_cent is not None:
        return {"name": old["name"], "target": {"type": "Utilization", "averageUtilization": per_cent}}
    return {"name": old["name"], "target": _average(old.get("targetAverageValue"))}


def _pods(old: Json) -> Json:
    target = old.get("target") or _average(old.get("targetAverageValue"))
    return {"metric": _identifier(old, "selector"), "target": target}


def _object(old: Json) -> Json:
    if "describedObject" in old:
        return {key: old[key] for key in ("describedObject", "metric", "target") if key in old}
    average = old.get("averageValue")
    target = _average(average) if average is not None else _value(old.get("targetValue"))
    return {
        "describedObject": old.get("target") or {},
        "metric": _identifier(old, "selector"),
        "target": target,
    }


def _external(old: Json) -> Json:
    average = old.get("targetAverageValue")
    target = _average(average) if average is not None else _value(old.get("targetValue"))
    return {"metric": _identifier(old, "metricSelector"), "target": old.get("target") or target}


def _identifier(old: Json, selector: str) -> Json:
    if "metric" in old:
        return dict(old["metric"])
    found: Json = {"name": old.get("metricName", "")}
    return {**found, "selector": old[selector]} if old.get(selector) else found


def _average(value: Any) -> Json:
    return {"type": "AverageValue", "averageValue": value}


def _value(value: Any) -> Json:
    return {"type": "Value", "value": value}
