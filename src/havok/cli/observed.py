"""What a roll-out is judged by: slim views of the objects of one Boot, taken at one moment.

The fields are those that `rollout` reads; everything else in the objects is skipped when decoding.
"""

from datetime import datetime
from typing import Final

import msgspec

from havok.clock import parse_rfc3339

TEMPLATE_HASH: Final = "pod-template-hash"
REVISION_HASH: Final = "controller-revision-hash"
REVISION_NUMBER: Final = "deployment.kubernetes.io/revision"


class View(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A read view: unknown fields are skipped."""


class Meta(View, frozen=True):
    """The part of ObjectMeta that matters here."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None

    def label(self, name: str) -> str:
        """The value of a label, empty when there is none."""
        return (self.labels or {}).get(name, "")


class Condition(View, frozen=True):
    """A condition of any object."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None


class BootSpec(View, frozen=True):
    """What a Boot asks for, as far as a roll-out shows it."""

    image: str = ""
    version: str = ""
    replicas: int | None = None
    workload: str | None = None


class BootStatus(View, frozen=True):
    """What the operator reports about a Boot."""

    observed_generation: int | None = None
    workload: str | None = None
    conditions: list[Condition] | None = None


class Boot(View, frozen=True):
    """One of the five kinds."""

    metadata: Meta
    kind: str = ""
    spec: BootSpec = BootSpec()
    status: BootStatus | None = None


class ContainerSpec(View, frozen=True):
    """A container of a template or pod."""

    name: str = ""
    image: str = ""
    readiness_probe: "Probe | None" = None


class Probe(View, frozen=True):
    """How long a probe waits before its first check, in seconds."""

    initial_delay_seconds: int = 0


class PodSpec(View, frozen=True):
    """The containers of a pod."""

    containers: list[ContainerSpec] = []


class Template(View, frozen=True):
    """A pod template."""

    spec: PodSpec = PodSpec()


class WorkloadSpec(View, frozen=True):
    """The spec that Deployment, StatefulSet and ReplicaSet share."""

    replicas: int | None = None
    template: Template = Template()


class WorkloadStatus(View, frozen=True):
    """The status that Deployment, StatefulSet and ReplicaSet share."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    update_revision: str = ""
    conditions: list[Condition] | None = None


class Workload(View, frozen=True):
    """A Deployment, StatefulSet or ReplicaSet."""

    metadata: Meta
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class Waiting(View, frozen=True):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class Running(View, frozen=True):
    """Since when a container runs."""

    started_at: str | None = None


class Terminated(View, frozen=True):
    """How a container ended."""

    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""


class ContainerState(View, frozen=True):
    """Exactly one of the three is set."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(View, frozen=True):
    """A container of a pod, as its kubelet reports it."""

    name: str = ""
    image: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(View, frozen=True):
    """A pod, as its kubelet reports it."""

    phase: str = ""
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class Pod(View, frozen=True):
    """A pod of the Boot."""

    metadata: Meta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    def condition(self, kind: str) -> Condition | None:
        """The condition of this type."""
        return next((one for one in self.status.conditions or () if one.type == kind), None)

    @property
    def ready(self) -> bool:
        """Whether the pod takes traffic."""
        condition = self.condition("Ready")
        return condition is not None and condition.status == "True"

    @property
    def ending(self) -> bool:
        """Whether the pod is being deleted or has ended."""
        return self.metadata.deletion_timestamp is not None or self.status.phase in ("Succeeded", "Failed")


class Reference(View, frozen=True):
    """The object an event speaks of."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class Event(View, frozen=True):
    """A core/v1 event."""

    metadata: Meta
    involved_object: Reference = Reference()
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None

    @property
    def seen(self) -> datetime | None:
        """When it last happened."""
        text = (
            self.last_timestamp or self.event_time or self.first_timestamp or self.metadata.creation_timestamp
        )
        return parse_rfc3339(text) if text else None


class Observed(msgspec.Struct, frozen=True):
    """Everything about one Boot at one moment. `applied_at` is when this roll-out was asked for."""

    boot: Boot
    workload: Workload | None
    replica_sets: tuple[Workload, ...]
    pods: tuple[Pod, ...]
    events: tuple[Event, ...]
    applied_at: datetime
    now: datetime
