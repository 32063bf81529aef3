"""Services, config, events, nodes, namespaces and leases."""

import msgspec

from havok.kube.views.meta import Condition, ObjectMeta, ObjectReference, View


class ServicePort(View, frozen=True):
    """A port of a Service; the target is a number or a port's name."""

    name: str = ""
    port: int = 0
    target_port: int | str = 0
    node_port: int = 0
    protocol: str = "TCP"


class ServiceSpec(View, frozen=True):
    """The part of a Service that Havok reads."""

    type: str = ""
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    selector: dict[str, str] = msgspec.field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    session_affinity: str = ""


class Service(View, frozen=True):
    """core/v1 Service."""

    metadata: ObjectMeta = ObjectMeta()
    spec: ServiceSpec = ServiceSpec()


class ConfigMap(View, frozen=True):
    """core/v1 ConfigMap; texts only."""

    metadata: ObjectMeta = ObjectMeta()
    data: dict[str, str] = msgspec.field(default_factory=dict)
    immutable: bool | None = None


class EventSource(View, frozen=True):
    """Who saw it."""

    component: str = ""
    host: str = ""


class Event(View, frozen=True):
    """core/v1 Event; newer writers set `event_time`, older ones `last_timestamp`."""

    metadata: ObjectMeta = ObjectMeta()
    involved_object: ObjectReference = ObjectReference()
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    source: EventSource = EventSource()
    reporting_component: str = ""


class NodeAddress(View, frozen=True):
    """One address of a node."""

    type: str = ""
    address: str = ""


class Taint(View, frozen=True):
    """What keeps pods off a node."""

    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(View, frozen=True):
    """Whether a node takes new pods."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeInfo(View, frozen=True):
    """Versions a node runs."""

    kubelet_version: str = ""
    container_runtime_version: str = ""
    os_image: str = ""
    architecture: str = ""


class NodeStatus(View, frozen=True):
    """A node's condition, size and addresses."""

    conditions: tuple[Condition, ...] = ()
    addresses: tuple[NodeAddress, ...] = ()
    capacity: dict[str, str] = msgspec.field(default_factory=dict)
    allocatable: dict[str, str] = msgspec.field(default_factory=dict)
    node_info: NodeInfo = NodeInfo()


class Node(View, frozen=True):
    """core/v1 Node."""

    metadata: ObjectMeta = ObjectMeta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class NamespaceStatus(View, frozen=True):
    """``Active`` or ``Terminating``."""

    phase: str = ""


class Namespace(View, frozen=True):
    """core/v1 Namespace."""

    metadata: ObjectMeta = ObjectMeta()
    status: NamespaceStatus = NamespaceStatus()


class LeaseSpec(View, frozen=True):
    """Who leads, since when, for how long; times are RFC 3339 with microseconds."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(View, frozen=True):
    """coordination.k8s.io/v1 Lease."""

    metadata: ObjectMeta = ObjectMeta()
    spec: LeaseSpec = LeaseSpec()
