"""What differs between what was rendered and what lives (contract 4.3, 4.4).

Ten things of a workload are compared, and of a Service its port `http`, its scrape annotations and its
session affinity. What is not compared is left alone until the next full render.
"""

import msgspec

from havok.boots import names
from havok.boots.live import Autoscaler, Container, Ingress, PodSpec, Workload
from havok.boots.pin import Pin
from havok.boots.quantity import same_amounts
from havok.codec import Json
from havok.kube.equality import Path
from havok.kube.ownership import covers
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
    own, other = app_container(wanted), app_container(live)
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


def app_container(pod: PodSpec) -> Container:
    """The app's own container, wherever a person or an injector put others."""
    return next((one for one in pod.containers if one.name == names.APP_CONTAINER), Container())


_POD: Path = ("spec", "template", "spec")
_APP: Path = (*_POD, "containers", f"[name={names.APP_CONTAINER}]")
WORKLOAD_PATHS: tuple[Path, ...] = (
    *((*_APP, field) for field in ("env", "ports", "resources", "command", "volumeMounts")),
    # as a whole: without a handler that is not ours a probe would have none, and be refused
    *((*_APP, field) for field in ("livenessProbe", "readinessProbe")),
    (*_POD, "nodeSelector"),
    (*_POD, "priorityClassName"),
)
"""Where a workload may hold nothing but what was rendered, whoever put it there (see `kube.equality`)."""


def stale_volumes(rendered: Json, live: Workload) -> tuple[Path, ...]:
    """Where volumes are that only the app mounted and that are not rendered any more."""
    pod = live.spec.template.spec
    kept = {volume["name"] for volume in rendered["spec"]["template"]["spec"].get("volumes", ())}
    for one in (*pod.containers, *pod.init_containers):
        if one.name != names.APP_CONTAINER:
            kept |= {mount.name for mount in one.volume_mounts}
    stale = {mount.name for mount in app_container(pod).volume_mounts} - kept
    return tuple((*_POD, "volumes", f"[name={name}]") for name in sorted(stale))


SERVICE_PATHS: tuple[Path, ...] = (
    ("spec", "ports", f"[name={names.PORT_NAME}]"),
    ("metadata", "annotations", f"{SCRAPE_PREFIX}*"),
)
"""The same for a Service; ports of other names and other annotations stay."""


def narrow_patch(rendered: Json, live: Workload, pin: Pin | None) -> Json:
    """A merge patch for what changes without a new render: replicas, a restart, what we remember.

    Without a pin nothing is remembered: what lives was not rendered by us.
    """
    found = of_workload(rendered, live)
    patch: Json = {}
    if found.replicas:
        patch["spec"] = {"replicas": rendered["spec"]["replicas"]}
    if found.restart:
        annotations = rendered["spec"]["template"]["metadata"]["annotations"]
        patch.setdefault("spec", {})["template"] = {"metadata": {"annotations": annotations}}
    remembered = Pin.read(live.metadata.annotations or {})
    if pin is not None and (remembered is None or remembered.deployed != pin.deployed):
        patch["metadata"] = {"annotations": pin.annotations}
    return patch


def of_service(rendered: Json, live: Service) -> tuple[str, ...]:
    """Which of the compared things of a Service differ."""
    wanted = msgspec.convert(rendered, Service)
    (port,) = wanted.spec.ports or ()
    http = [one for one in live.spec.ports or () if one.name == names.PORT_NAME]
    affinity = wanted.spec.session_affinity
    labels = (wanted.metadata.labels or {}).items()
    same = {
        "labels": labels <= (live.metadata.labels or {}).items(),
        "port": [(one.port, one.target_port) for one in http] == [(port.port, port.target_port)],
        "annotations": scrape_annotations_of(live) == (wanted.metadata.annotations or {}),
        "sessionAffinity": affinity == (live.spec.session_affinity or "None"),
    }
    return tuple(name for name, equal in same.items() if not equal)


AUTOSCALER_PATHS: tuple[Path, ...] = (("spec", "metrics"),)
INGRESS_PATHS: tuple[Path, ...] = (("spec", "rules"), ("spec", "tls"))


def of_autoscaler(rendered: Json, live: Autoscaler) -> tuple[str, ...]:
    """Which of the compared things of an autoscaler differ: target, bounds, metrics."""
    wanted, have = msgspec.convert(rendered, Autoscaler).spec, live.spec
    same = {
        "target": wanted.scale_target_ref == have.scale_target_ref,
        "bounds": (wanted.min_replicas, wanted.max_replicas) == (have.min_replicas, have.max_replicas),
        "metrics": covers(list(have.metrics), list(wanted.metrics), quantities=True),
    }
    return tuple(name for name, equal in same.items() if not equal)


def of_ingress(rendered: Json, live: Ingress) -> tuple[str, ...]:
    """Whether an Ingress is another than what was rendered."""
    wanted = msgspec.convert(rendered, Ingress)
    said = (wanted.metadata.annotations or {}).items()
    same = {
        "annotations": said <= (live.metadata.annotations or {}).items(),
        "spec": covers(live.spec, wanted.spec) and bool(live.spec.get("tls")) == bool(wanted.spec.get("tls")),
    }
    return tuple(name for name, equal in same.items() if not equal)


def scrape_annotations_of(service: Service) -> dict[str, str]:
    """The annotations of a Service that are ours to say."""
    annotations = service.metadata.annotations or {}
    return {key: value for key, value in annotations.items() if key.startswith(SCRAPE_PREFIX)}
