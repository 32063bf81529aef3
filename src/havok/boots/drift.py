"""What differs between what was rendered and what lives (contract 4.3, 4.4).

Ten things of a workload are compared, and of a Service its port `http`, its scrape annotations and its
session affinity. What is not compared is left alone until the next full render.
"""

import msgspec

from havok.boots import names
from havok.boots.live import Container, PodSpec, Workload
from havok.boots.quantity import same_amounts
from havok.codec import Json
from havok.kube.views import Service

SCRAPE_PREFIX = "prometheus.io/"


class Drift(msgspec.Struct, frozen=True):
    """How a living workload is not what its Boot says."""

    template: tuple[str, ...] = ()
    """Which of the compared things differ; any of them means a whole new render."""
    replicas: bool = False
    restart: bool = False

    def __bool__(self) -> bool:
        return bool(self.template) or self.replicas or self.restart


def of_workload(rendered: Json, live: Workload) -> Drift:
    """The drift of a living Deployment or StatefulSet from a rendered one."""
    wanted = msgspec.convert(rendered, Workload)
    restarted_at = wanted.spec.template.metadata.annotation(names.RESTARTED_AT)
    seen = live.spec.template.metadata.annotation(names.RESTARTED_AT)
    return Drift(
        template=_template(wanted.spec.template.spec, live.spec.template.spec),
        replicas=wanted.spec.replicas != live.spec.replicas,
        restart=bool(restarted_at) and restarted_at != seen,
    )


def _template(wanted: PodSpec, live: PodSpec) -> tuple[str, ...]:
    own = wanted.containers[0]
    other = live.containers[0] if live.containers else Container()
    same = {
        "image": own.image == other.image,
        "env": own.env == other.env,
        "ports": own.ports == other.ports,
        "resources": same_amounts(own.resources.limits, other.resources.limits)
        and same_amounts(own.resources.requests, other.resources.requests),
        "probes": own.liveness_probe == other.liveness_probe and own.readiness_probe == other.readiness_probe,
        "nodeSelector": wanted.node_selector == live.node_selector,
        "command": own.command == other.command,
        "mounts": own.volume_mounts == other.volume_mounts,
        "priority": wanted.priority_class_name == live.priority_class_name,
    }
    return tuple(name for name, equal in same.items() if not equal)


def of_service(rendered: Json, live: Service) -> tuple[str, ...]:
    """Which of the compared things of a Service differ."""
    wanted = msgspec.convert(rendered, Service)
    (port,) = wanted.spec.ports or ()
    http = [one for one in live.spec.ports or () if one.name == names.PORT_NAME]
    affinity = wanted.spec.session_affinity
    same = {
        "port": [(one.port, one.target_port) for one in http] == [(port.port, port.target_port)],
        "annotations": scrape_annotations_of(live) == (wanted.metadata.annotations or {}),
        "sessionAffinity": affinity == (live.spec.session_affinity or "None"),
    }
    return tuple(name for name, equal in same.items() if not equal)


def scrape_annotations_of(service: Service) -> dict[str, str]:
    """The annotations of a Service that are ours to say."""
    annotations = service.metadata.annotations or {}
    return {key: value for key, value in annotations.items() if key.startswith(SCRAPE_PREFIX)}
