"""From a filled Boot to the objects that run it (contract section 3).

Pure: the same app, defaults and environment give the same objects, fresh ones each time. The Boot's spec
wins over the platform's `container` and `podSpec`; the platform fills what the spec leaves open.
"""

from typing import Any, Final

import msgspec

from havok.boots import names
from havok.boots.config import Defaults
from havok.boots.defaults import image_reference
from havok.boots.merge import Variables, expand_container, expand_mounts, expand_volume, override
from havok.boots.names import BootKey
from havok.boots.probes import with_probes
from havok.codec import Json
from havok.crds import BootSpec

OURS: Final = ("name", "image", "ports", "env", "resources")
"""Fields of the app container that no config may set: the Boot always says them."""


class App(msgspec.Struct, frozen=True, kw_only=True):
    """One Boot, ready to be rendered: `spec` has been filled."""

    key: BootKey
    uid: str
    spec: BootSpec
    restarted_at: str = ""
    """The last restart that was asked for; it stays in the pods when the Boot forgets it (contract 3.12)."""
    external_port: int = 0
    """The node port that the external Service was given; 0 while it has none."""


class Objects(msgspec.Struct, frozen=True):
    """What runs an app."""

    workload: Json
    services: tuple[Json, ...]
    """The app's own first."""


def render(app: App, defaults: Defaults, environment: str) -> Objects:
    """All objects of one app in `environment`."""
    template = _template(app, defaults, environment)
    services = [_service(app, environment)]
    services += _sidecar_services(app, template, environment)
    if app.spec.node_port == "true" and environment == "dev":
        services.append(_external_service(app, environment))
    return Objects(_workload(app, template), tuple(services))


def _metadata(app: App, name: str, labels: dict[str, str]) -> Json:
    return {
        "name": name,
        "namespace": app.key.namespace,
        "labels": labels,
        "ownerReferences": [app.key.owner_reference(app.uid)],
    }


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
            "serviceName": app.key.name,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        }
    elif app.key.kind.max_unavailable:
        rolling = {"maxUnavailable": app.key.kind.max_unavailable}
        spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
    metadata = _metadata(app, app.key.name, app.key.workload_labels)
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


def _service(
    app: App, environment: str, *, name: str = "", port: int = 0, scrape: bool | None = None
) -> Json:
    """A Service without a type: the API server makes it a ClusterIP, and whoever changes that keeps it."""
    port = port or app.spec.port
    metadata = _metadata(app, name or app.key.name, app.key.service_labels(environment))
    if app.spec.prometheus == "true" if scrape is None else scrape:
        metadata["annotations"] = scrape_annotations(port)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "selector": app.key.pod_labels,
            "sessionAffinity": app.spec.session_affinity or "None",
            "ports": [{"name": names.PORT_NAME, "port": port, "targetPort": port, "protocol": "TCP"}],
        },
    }


def scrape_annotations(port: int) -> dict[str, str]:
    """What Prometheus looks for on a Service; exactly these four (contract 3.8)."""
    return {
        "prometheus.io/path": "/prometheus",
        "prometheus.io/port": str(port),
        "prometheus.io/scheme": "http",
        "prometheus.io/scrape": "true",
    }


def _sidecar_services(app: App, template: Json, environment: str) -> list[Json]:
    """One for each named port of every container after the first."""
    ports: list[dict[str, Any]] = [
        port for container in template["spec"]["containers"][1:] for port in container.get("ports") or ()
    ]
    return [
        _service(
            app, environment, name=f"{app.key.name}-{port['name']}", port=port["containerPort"], scrape=True
        )
        for port in ports
        if port.get("name")
    ]


def _external_service(app: App, environment: str) -> Json:
    """A port on every node; once allocated, the Service's own port is that number too."""
    service = _service(app, environment, name=f"{app.key.name}-external", scrape=False)
    service["spec"]["type"] = "NodePort"
    port = service["spec"]["ports"][0]
    if app.external_port:
        port |= {"port": app.external_port, "nodePort": app.external_port}
    return service
