"""The probes of the app container (contract 3.5).

The Boot says whether there are probes and which paths they ask; the platform's `container` may change
everything else about them: delays, periods, thresholds, scheme, port. A startup probe is the platform's own
addition: without a handler it asks what the readiness probe asks.
"""

from typing import Any, Final

from havok.codec import Json
from havok.crds import BootKind, BootSpec

HANDLERS: Final = ("exec", "grpc", "httpGet", "tcpSocket")
LIVENESS_DELAY: Final = 120
READINESS_DELAY: Final = 60


def with_probes(container: Json, kind: BootKind, spec: BootSpec, port: int) -> Json:
    """The container with the probes that `spec` asks for; `port` is where they ask unless config says."""
    own = {name: container.get(f"{name}Probe") or {} for name in ("liveness", "readiness", "startup")}
    found = {key: value for key, value in container.items() if not key.endswith("Probe")}
    readiness = spec.readiness or spec.health
    if spec.health:
        found["livenessProbe"] = _probe(own["liveness"], spec.health, port, LIVENESS_DELAY, kind)
        found["readinessProbe"] = _probe(own["readiness"], readiness, port, READINESS_DELAY, kind)
    startup = own["startup"]
    if startup and any(handler in startup for handler in HANDLERS if handler != "httpGet"):
        found["startupProbe"] = startup
    elif startup and spec.health:
        path = startup.get("httpGet", {}).get("path") or readiness
        found["startupProbe"] = {**startup, "httpGet": _handler(startup, path, port)}
    return found


def _probe(own: Json, path: str | None, port: int, delay: int, kind: BootKind) -> Json:
    timing = {
        "initialDelaySeconds": delay,
        "periodSeconds": 10,
        "timeoutSeconds": 5,
        "successThreshold": 1,
        "failureThreshold": kind.failure_threshold,
    }
    chosen = {key: value for key, value in own.items() if key not in HANDLERS and value is not None}
    return {**timing, **chosen, "httpGet": _handler(own, path, port)}


def _handler(own: Json, path: str | None, port: int) -> Json:
    handler: dict[str, Any] = {"scheme": "HTTP", "port": port, **(own.get("httpGet") or {})}
    return {**handler, "path": path}
