"""How Prometheus finds an operator that runs in a pod (contract 4.8): a Service, and a ServiceMonitor.

The Service has the two ports that older dashboards ask for; one server answers on both. The ServiceMonitor is
made only where that kind exists.
"""

from typing import Final

from havok.boots.names import FIELD_MANAGER
from havok.boots.options import OperatorOptions
from havok.codec import Json
from havok.kube import Client, KubeError, NotFound
from havok.kube.resources import SERVICES, Resource
from havok.log import get_logger

SERVICE_MONITORS: Final = Resource("monitoring.coreos.com", "v1", "servicemonitors", "ServiceMonitor")
CUSTOM_PORT: Final = 8686
"""Where the Go operator told of each Boot."""

log = get_logger("boots.metrics_service")


async def publish(client: Client, options: OperatorOptions) -> None:
    """Make both; a failure is logged and stands in nobody's way."""
    try:
        await client.apply(SERVICES, service(options), field_manager=FIELD_MANAGER)
        await client.apply(SERVICE_MONITORS, monitor(options), field_manager=FIELD_MANAGER)
    except NotFound:
        log.debug("no_service_monitors")
    except KubeError as error:
        log.warning("metrics_service_failed", code=error.code, cause=error.message)


def service(options: OperatorOptions) -> Json:
    """The Service; its pods are those that carry the operator's name."""
    port = options.metrics_port
    return {
        "apiVersion": SERVICES.api_version,
        "kind": SERVICES.kind,
        "metadata": {
            **_metadata(options),
            "annotations": {
                "prometheus.io/path": "/metrics",
                "prometheus.io/port": str(port),
                "prometheus.io/scheme": "http",
                "prometheus.io/scrape": "true",
            },
        },
        "spec": {
            "selector": {"name": options.operator_name},
            "ports": [
                {"name": "http-metrics", "port": port, "targetPort": port, "protocol": "TCP"},
                {"name": "cr-metrics", "port": CUSTOM_PORT, "targetPort": port, "protocol": "TCP"},
            ],
        },
    }


def monitor(options: OperatorOptions) -> Json:
    """The ServiceMonitor."""
    return {
        "apiVersion": SERVICE_MONITORS.api_version,
        "kind": SERVICE_MONITORS.kind,
        "metadata": _metadata(options),
        "spec": {
            "selector": {"matchLabels": {"name": options.operator_name}},
            "endpoints": [{"port": "http-metrics"}],
        },
    }


def _metadata(options: OperatorOptions) -> Json:
    return {
        "name": f"{options.operator_name}-metrics",
        "namespace": options.namespace,
        "labels": {"name": options.operator_name},
    }
