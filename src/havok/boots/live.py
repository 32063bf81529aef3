"""What of living objects the operator compares: the same structs read what lives and what was rendered.

Everything else of an object stays out of sight, so what a person sets there is left alone. Defaults here are
those that the API server fills in, so that a field left open equals a field filled by default.
"""

import msgspec

from havok.boots.names import APP_CONTAINER
from havok.codec import Json
from havok.crds.wire import Wire
from havok.kube.views import ObjectMeta, WorkloadStatus

Amounts = dict[str, str | int | float]


class KeyRef(Wire, frozen=True, kw_only=True):
    """A key of a Secret or ConfigMap."""

    name: str = ""
    key: str = ""
    optional: bool = False


class FieldRef(Wire, frozen=True, kw_only=True):
    """A field of the pod."""

    api_version: str = "v1"
    field_path: str = ""


class ResourceFieldRef(Wire, frozen=True, kw_only=True):
    """A limit or request of a container."""

    container_name: str = ""
    resource: str = ""


class EnvSource(Wire, frozen=True, kw_only=True):
    """Where a value comes from."""

    config_map_key_ref: KeyRef | None = None
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None
    secret_key_ref: KeyRef | None = None


class Env(Wire, frozen=True, kw_only=True):
    """An environment variable."""

    name: str = ""
    value: str = ""
    value_from: EnvSource | None = None


class Port(Wire, frozen=True, kw_only=True):
    """A port of a container."""

    name: str = ""
    container_port: int = 0
    host_port: int = 0
    protocol: str = "TCP"


class Resources(Wire, frozen=True, kw_only=True):
    """Limits and requests."""

    limits: Amounts = msgspec.field(default_factory=dict)
    requests: Amounts = msgspec.field(default_factory=dict)


class HttpGet(Wire, frozen=True, kw_only=True):
    """What a probe asks."""

    path: str = "/"


class Probe(Wire, frozen=True, kw_only=True):
    """Liveness or readiness: only what it asks is compared, not how often."""

    http_get: HttpGet | None = None


class Mount(Wire, frozen=True, kw_only=True):
    """Where a volume is seen."""

    name: str = ""
    mount_path: str = ""
    read_only: bool = False
    sub_path: str = ""
    sub_path_expr: str = ""


class Container(Wire, frozen=True, kw_only=True):
    """The compared part of a container."""

    name: str = ""
    image: str = ""
    env: tuple[Env, ...] = ()
    ports: tuple[Port, ...] = ()
    resources: Resources = Resources()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    command: tuple[str, ...] = ()
    volume_mounts: tuple[Mount, ...] = ()


class PodSpec(Wire, frozen=True, kw_only=True):
    """The compared part of a pod."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    node_selector: dict[str, str] = msgspec.field(default_factory=dict)
    priority_class_name: str = ""

    @property
    def sidecar_ports(self) -> tuple[Port, ...]:
        """Ports of the containers beside the app's own, wherever an injector put them."""
        return tuple(port for one in self.containers if one.name != APP_CONTAINER for port in one.ports)


class Template(Wire, frozen=True, kw_only=True):
    """A pod template."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()


class WorkloadSpec(Wire, frozen=True, kw_only=True):
    """What Deployments and StatefulSets have in common."""

    replicas: int = 1
    service_name: str = ""
    """The Service that a StatefulSet names; it cannot be changed."""
    template: Template = Template()


class Workload(Wire, frozen=True, kw_only=True):
    """A Deployment or StatefulSet, living or rendered."""

    metadata: ObjectMeta
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class Target(Wire, frozen=True, kw_only=True):
    """What an autoscaler scales."""

    api_version: str = ""
    kind: str = ""
    name: str = ""


class AutoscalerSpec(Wire, frozen=True, kw_only=True):
    """The compared part of an autoscaler; how fast it moves is left to whoever sets it."""

    scale_target_ref: Target = Target()
    min_replicas: int = 1
    max_replicas: int = 0
    metrics: tuple[Json, ...] = ()


class Autoscaler(Wire, frozen=True, kw_only=True):
    """A HorizontalPodAutoscaler, living or rendered."""

    metadata: ObjectMeta
    spec: AutoscalerSpec = AutoscalerSpec()


class Ingress(Wire, frozen=True, kw_only=True):
    """An Ingress, living or rendered."""

    metadata: ObjectMeta
    spec: Json = msgspec.field(default_factory=dict)
