"""Whether what lives is what was rendered, by the operator's own eyes."""

from typing import Any

import msgspec

from havok.boots import drift
from havok.boots.live import Autoscaler, Ingress, Workload
from havok.codec import Json, decode_json, encode_json
from havok.kube.views import Service


def drifted(rendered: Json, live: Json) -> tuple[str, ...]:
    """What differs; any of it would be written in the next pass, for ever."""
    live = decode_json(encode_json(live))
    match rendered["kind"]:
        case "Service":
            return drift.of_service(rendered, msgspec.convert(live, Service))
        case "HorizontalPodAutoscaler":
            return drift.of_autoscaler(rendered, msgspec.convert(live, Autoscaler))
        case "Ingress":
            return drift.of_ingress(rendered, msgspec.convert(live, Ingress))
    found = drift.of_workload(rendered, msgspec.convert(live, Workload))
    rest: dict[str, Any] = {"replicas": found.replicas, "restart": found.restart}
    return (*found.template, *(name for name, differs in rest.items() if differs))
