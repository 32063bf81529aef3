"""From a filled Boot to the objects that run it (contract section 3).

Pure: the same app, defaults and environment give the same objects, fresh ones each time. The Boot's spec
wins over the platform's `container` and `podSpec`; the platform fills what the spec leaves open.
"""

from typing import Final

import msgspec

from havok.boots import names
from havok.boots.app import App as App
from havok.boots.autoscaler import autoscaler
from havok.boots.config import Defaults
from havok.boots.defaults import image_reference
from havok.boots.live import Template
from havok.boots.merge import Variables, expand_container, expand_mounts, expand_volume, override
from havok.boots.probes import with_probes
from havok.boots.services import ingress, services
from havok.boots.services import scrape_annotations as scrape_annotations
from havok.codec import Json
from havok.crds import BootSpec

OURS: Final = ("name", "image", "ports", "env", "resources")
"""Fields of the app container that no config may set: the Boot always says them."""


class Objects(msgspec.Struct, frozen=True):
    """What runs an app."""

    workload: Json
    services: tuple[Json, ...]
    """The app's own first."""
    autoscaler: Json | None = None
    ingress: Json | None = None


def render(app: App, defaults: Defaults, environment: str) -> Objects:
    """All objects of one app in `environment`."""
    template = _template(app, defaults, environment)
    pod = msgspec.convert(template, Template).spec
    ports = pod.sidecar_ports if app.sidecar_ports is None else app.sidecar_ports
    return Objects(
        _workload(app, template),
        tuple(services(app, defaults, ports, environment)),
        autoscaler(app),
        ingress(app, defaults, environment),
    )


def _workload(app: App, template: Json) -> Json:
    kind = app.spec.workload or "Deployment"
    spec: Json = {
        "replicas": app.spec.replicas,
        "revisionHistoryLimit": 5,
        "selector": {"matchLabels": app.key.pod_labels},
        "template": template,
    }
    if kind == "StatefulSet":
        spec |= {
            "serviceName": app.governing or app.headless,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        }
    elif app.key.kind.max_unavailable:
        rolling = {"maxUnavailable": app.key.kind.max_unavailable}
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
    metadata = app.metadata(app.key.name, app.key.workload_labels)
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _template(app: App, defaults: Defaults, environment: str) -> Json:
    spec, variables = app.spec, Variables.of(app.key.name, environment, app.spec.port)
    pod: Json = {"affinity": _apart(app.key.name)}
    if spec.node_selector:
        pod["nodeSelector"] = dict(spec.node_selector)
    pod = override(pod, defaults.pod_spec)
    if spec.priority:
        pod["priorityClassName"] = spec.priority
    pod["containers"] = [
        _app_container(app, defaults, variables),
        *(expand_container(sidecar, variables) for sidecar in defaults.sidecars),
    ]
    if pod.get("initContainers"):
        pod["initContainers"] = [expand_container(one, variables) for one in pod["initContainers"]]
    volumes = [expand_volume(volume, variables) for volume in [*pod.get("volumes", ()), *_volumes(spec)]]
    if volumes:
        pod["volumes"] = volumes
    metadata: Json = {"labels": app.key.pod_labels}
    if app.restarted_at:
        metadata["annotations"] = {names.RESTARTED_AT: app.restarted_at}
    return {"metadata": metadata, "spec": pod}


def _apart(name: str) -> Json:
    """Pods of one app prefer different nodes."""
    selector = {"matchExpressions": [{"key": "bootName", "operator": "In", "values": [name]}]}
    term = {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _app_container(app: App, defaults: Defaults, variables: Variables) -> Json:
    spec = app.spec
    extra = {field: value for field, value in defaults.container.items() if field not in OURS}
    container: Json = override({"imagePullPolicy": "Always"}, extra)
    container |= {
        "name": names.APP_CONTAINER,
        "image": image_reference(spec, defaults.registry),
        "ports": [{"containerPort": spec.port, "name": names.PORT_NAME, "protocol": "TCP"}],
    }
    if spec.env:
        container["env"] = list(msgspec.to_builtins(spec.env))
    if spec.resources is not None:
        container["resources"] = msgspec.to_builtins(spec.resources)
    if spec.command:
        container["command"] = list(spec.command)
    mounts = [*(container.get("volumeMounts") or ()), *_mounts(spec)]
    if mounts:
        container["volumeMounts"] = expand_mounts(mounts, variables)
    return with_probes(container, app.key.kind, spec, defaults.health_port or spec.port)


def _volumes(spec: BootSpec) -> list[Json]:
    return [
        {"name": claim.name, "persistentVolumeClaim": {"claimName": claim.name, "readOnly": claim.read_only}}
        for claim in spec.pvc
    ]


def _mounts(spec: BootSpec) -> list[Json]:
    return [
        {"name": claim.name, "mountPath": claim.mount_path, "readOnly": claim.read_only} for claim in spec.pvc
    ]
