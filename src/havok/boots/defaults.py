"""Filling what a Boot leaves open: one function for the webhook and the reconciler.

`fill` is pure and idempotent: filling a filled spec with the same defaults changes nothing (contract
sections 1.2, 3.6, 3.7, 3.9 and 3.11). What it decides is written into the Boot's own spec, where people see
it; annotations remember the env it merged, so that a later change of the platform's env waits for the
Boot's next change of env or image.
"""

from collections.abc import Mapping

import msgspec

from havok.boots import names
from havok.boots.config import Defaults
from havok.boots.merge import Variables, by_name, expand_env
from havok.boots.quantity import amount, is_zero
from havok.codec import Json, decode_json, encode_json
from havok.crds import BootSpec
from havok.crds.autoscaling import Autoscaling, Metric, ResourceMetric
from havok.crds.spec import EnvVar, ResourceRequirements
from havok.errors import HavokError

WORKLOADS = ("Deployment", "StatefulSet")


class Filled(msgspec.Struct, frozen=True):
    """A spec with nothing open, and the annotations that remember how it came about."""

    spec: BootSpec
    annotations: dict[str, str]


def fill(
    spec: BootSpec, annotations: Mapping[str, str], *, name: str, defaults: Defaults, environment: str
) -> Filled:
    """The spec of the Boot `name` as it runs in `environment`."""
    port = spec.port if spec.port > 0 else defaults.port
    spec = msgspec.structs.replace(
        spec,
        port=port,
        replicas=spec.replicas if spec.replicas is not None and spec.replicas >= 0 else defaults.replicas,
        health=defaults.health if spec.health is None else spec.health,
        sub_domain=spec.sub_domain or defaults.sub_domain,
        prometheus=spec.prometheus or ("true" if defaults.scrape else "false"),
        resources=fill_resources(spec.resources, defaults.resources),
        node_selector={**spec.node_selector, **defaults.node_selector},
        workload=spec.workload if spec.workload in ("", *WORKLOADS) else WORKLOADS[0],
        hpa=_fill_autoscaling(spec.hpa, defaults),
    )
    return _merge_env(spec, annotations, defaults, Variables.of(name, environment, port))


def image_reference(spec: BootSpec, registry: str) -> str:
    """``registry/image:version``, without the registry when there is none (contract 3.2)."""
    return f"{registry}/{spec.image}:{spec.version}" if registry else f"{spec.image}:{spec.version}"


def _merge_env(
    spec: BootSpec, annotations: Mapping[str, str], defaults: Defaults, variables: Variables
) -> Filled:
    image = image_reference(spec, defaults.registry)
    if annotations.get(names.LAST_IMAGE) == image and remembered_env(annotations) == spec.env:
        return Filled(spec, {})
    wanted = expand_env(by_name(msgspec.to_builtins(spec.env), msgspec.to_builtins(defaults.env)), variables)
    env = msgspec.convert(wanted, tuple[EnvVar, ...])
    merged = msgspec.structs.replace(spec, env=env)
    return Filled(merged, remember(merged, defaults.registry))


def remember(spec: BootSpec, registry: str) -> dict[str, str]:
    """The annotations that say: the env of this spec is merged for this image."""
    env, image = msgspec.to_builtins(spec.env), image_reference(spec, registry)
    return {names.ENV_STATE: "generated", names.LAST_ENV: _remember(list(env)), names.LAST_IMAGE: image}


def remembered_env(annotations: Mapping[str, str]) -> tuple[EnvVar, ...] | None:
    """The env of the last merge; None when none is remembered or it cannot be read."""
    text = annotations.get(names.LAST_ENV, "")
    if not text:
        return None
    try:
        remembered = decode_json(text)
        return msgspec.convert(remembered or [], tuple[EnvVar, ...])
    except (HavokError, msgspec.ValidationError):
        return None


def _remember(env: list[Json]) -> str:
    """Compact JSON as Go writes it: null for nothing, angle brackets and ampersands escaped."""
    text = encode_json(env or None).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def fill_resources(
    own: ResourceRequirements | None, defaults: ResourceRequirements
) -> ResourceRequirements | None:
    """Limits and requests separately; a request never exceeds its limit (contract 3.6)."""
    base = own or ResourceRequirements()
    limits = _fill_amounts(base.limits, defaults.limits)
    requests = _fill_amounts(base.requests, defaults.requests)
    for name, request in requests.items():
        limit = limits.get(name)
        if limit is not None and not is_zero(limit) and _exceeds(request, limit):
            requests[name] = limit
    filled = msgspec.structs.replace(base, limits=limits, requests=requests)
    return None if own is None and filled == ResourceRequirements() else filled


Amount = str | int | float


def _fill_amounts(own: dict[str, Amount], defaults: dict[str, Amount]) -> dict[str, Amount]:
    if not own:
        return dict(defaults)
    absent = [name for name in ("memory", "cpu") if name in defaults and is_zero(own.get(name))]
    return {**own, **{name: defaults[name] for name in absent}}


def _exceeds(request: Amount, limit: Amount) -> bool:
    left, right = amount(request), amount(limit)
    return left is not None and right is not None and left > right


def _fill_autoscaling(own: Autoscaling | None, defaults: Defaults) -> Autoscaling | None:
    """Open ends of an enabled autoscaler; a minimum alone stays so, for the schema refuses it (6.2)."""
    if own is None or not own.enable:
        return own
    lowest, highest = own.min_replicas, own.max_replicas
    if (highest is None and lowest is None) or (highest is not None and highest < 2):
        highest = 5
    if lowest is None or lowest < 1:
        lowest = min(defaults.replicas, highest) if highest else defaults.replicas
    cpu = Metric(type="Resource", resource=ResourceMetric(name="cpu", target_average_utilization=80))
    return msgspec.structs.replace(
        own, min_replicas=lowest, max_replicas=highest, metrics=own.metrics or (cpu,)
    )
