"""Pods and what runs in them."""

from typing import Any

import msgspec

from havok.kube.views.meta import Condition, ObjectMeta, View


class ContainerPort(View, frozen=True):
    """A port of a container."""

    name: str = ""
    container_port: int = 0
    protocol: str = "TCP"


class EnvVar(View, frozen=True):
    """An environment variable; `value_from` as it is on the wire."""

    name: str = ""
    value: str | None = None
    value_from: dict[str, Any] | None = None


class ResourceRequirements(View, frozen=True):
    """Limits and requests as Kubernetes quantities."""

    limits: dict[str, str | int | float] = msgspec.field(default_factory=dict)
    requests: dict[str, str | int | float] = msgspec.field(default_factory=dict)


class Container(View, frozen=True):
    """A container as a pod template states it."""

    name: str = ""
    image: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    resources: ResourceRequirements | None = None


class WaitingState(View, frozen=True):
    """Why a container does not run yet: ``ImagePullBackOff``."""

    reason: str = ""
    message: str = ""


class RunningState(View, frozen=True):
    """Since when a container runs."""

    started_at: str | None = None


class TerminatedState(View, frozen=True):
    """How a container ended."""

    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: str | None = None
    finished_at: str | None = None


class ContainerState(View, frozen=True):
    """At most one of the three is set; none: waiting."""

    waiting: WaitingState | None = None
    running: RunningState | None = None
    terminated: TerminatedState | None = None


class ContainerStatus(View, frozen=True):
    """What became of a container."""

    name: str = ""
    image: str = ""
    image_id: str = msgspec.field(name="imageID", default="")
    container_id: str = msgspec.field(name="containerID", default="")
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodSpec(View, frozen=True):
    """The part of a pod's spec that Havok reads."""

    node_name: str = ""
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    service_account_name: str = ""
    priority_class_name: str = ""
    node_selector: dict[str, str] = msgspec.field(default_factory=dict)


class PodStatus(View, frozen=True):
    """What became of a pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    host_ip: str = msgspec.field(name="hostIP", default="")
    start_time: str | None = None
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(View, frozen=True):
    """core/v1 Pod."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodTemplate(View, frozen=True):
    """A workload's pod template."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()


class ContainerUsage(View, frozen=True):
    """What one container uses now, as quantities."""

    name: str = ""
    usage: dict[str, str] = msgspec.field(default_factory=dict)


class PodMetrics(View, frozen=True):
    """metrics.k8s.io/v1beta1 PodMetrics."""

    metadata: ObjectMeta = ObjectMeta()
    timestamp: str | None = None
    window: str = ""
    containers: tuple[ContainerUsage, ...] = ()
