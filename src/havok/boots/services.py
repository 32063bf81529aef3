"""How an app is reached: its Services, and an Ingress where the platform gives addresses (contract 3.8).

Pure. Every Service has one port `http`. A name that two of them would have is the first one's: the app's own,
the headless one, the external one, then those of sidecars in the order of their containers.
"""

from collections.abc import Iterable

from havok.boots import names
from havok.boots.app import App
from havok.boots.config import Defaults
from havok.boots.live import Port
from havok.boots.merge import Variables
from havok.codec import Json

DEV = "dev"


def services(app: App, defaults: Defaults, sidecar_ports: Iterable[Port], environment: str) -> list[Json]:
    """All Services of one app, its own first."""
    found = [_service(app, environment)]
    if app.spec.workload == "StatefulSet":
        found.append(_headless(app))
    if has_node_port(app, defaults, environment):
        found.append(_external(app, environment))
    # a port without a name has no name for its Service either; it stays reachable inside the pod
    found += [_sidecar(app, port, environment) for port in sidecar_ports if port.name]
    by_name: dict[str, Json] = {}
    for service in found:
        by_name.setdefault(service["metadata"]["name"], service)
    return list(by_name.values())


def has_node_port(app: App, defaults: Defaults, environment: str) -> bool:
    """In dev alone: when the Boot says so, or leaves it open and the platform says so."""
    wanted = app.spec.node_port == "true" or (not app.spec.node_port and defaults.node_port)
    return environment == DEV and wanted


def _service(
    app: App, environment: str, *, name: str = "", port: int = 0, scrape: bool | None = None
) -> Json:
    """A Service without a type: the API server makes it a ClusterIP, and whoever changes that keeps it."""
    port = port or app.spec.port
    metadata = app.metadata(name or app.key.name, app.key.service_labels(environment))
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


def _sidecar(app: App, port: Port, environment: str) -> Json:
    name, number = f"{app.key.name}-{port.name}", port.container_port
    service = _service(app, environment, name=name, port=number, scrape=True)
    service["spec"]["ports"][0]["protocol"] = port.protocol
    return service


def _headless(app: App) -> Json:
    """Names for single pods, found before they are ready, since the members of a set look for each other.

    It is no way to the app and lacks the labels that say so, so status.services does not name it.
    """
    service = _service(app, "", name=app.headless, scrape=False)
    del service["metadata"]["labels"]
    service["spec"] |= {"clusterIP": "None", "publishNotReadyAddresses": True, "sessionAffinity": "None"}
    return service


def _external(app: App, environment: str) -> Json:
    """A port on every node; once allocated, the Service's own port is that number too."""
    service = _service(app, environment, name=f"{app.key.name}-external", scrape=False)
    service["spec"]["type"] = "NodePort"
    port = service["spec"]["ports"][0]
    if app.external_port:
        port |= {"port": app.external_port, "nodePort": app.external_port}
    return service


def ingress(app: App, defaults: Defaults, environment: str) -> Json | None:
    """The address from outside that the platform gives to each app; None without one."""
    asked = defaults.ingress
    if not asked.host:
        return None
    variables = Variables.of(app.key.name, environment, app.spec.port)
    host = variables.expand(asked.host)
    backend = {"service": {"name": app.key.name, "port": {"name": names.PORT_NAME}}}
    path = {"path": asked.path or "/", "pathType": "Prefix", "backend": backend}
    spec: Json = {"rules": [{"host": host, "http": {"paths": [path]}}]}
    if asked.class_name:
        spec["ingressClassName"] = asked.class_name
    if asked.tls:
        spec["tls"] = [{"hosts": [host], "secretName": variables.expand(asked.tls)}]
    metadata = app.metadata(app.key.name, app.key.service_labels(environment))
    if asked.annotations:
        metadata["annotations"] = dict(asked.annotations)
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}
