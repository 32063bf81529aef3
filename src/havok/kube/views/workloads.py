"""Deployments, StatefulSets and ReplicaSets."""

import msgspec

from havok.kube.views.meta import Condition, ObjectMeta, View
from havok.kube.views.pods import PodTemplate


class LabelSelector(View, frozen=True):
    """matchLabels alone; what Havok generates has nothing else."""

    match_labels: dict[str, str] = msgspec.field(default_factory=dict)


class WorkloadSpec(View, frozen=True):
    """What Deployment, StatefulSet and ReplicaSet have in common."""

    replicas: int | None = None
    selector: LabelSelector = LabelSelector()
    template: PodTemplate = PodTemplate()
    paused: bool = False
    service_name: str = ""


class WorkloadStatus(View, frozen=True):
    """Counts of pods; those a kind does not have are 0."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    current_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    conditions: tuple[Condition, ...] = ()


class Deployment(View, frozen=True):
    """apps/v1 Deployment."""

    metadata: ObjectMeta = ObjectMeta()
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class StatefulSet(View, frozen=True):
    """apps/v1 StatefulSet."""

    metadata: ObjectMeta = ObjectMeta()
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class ReplicaSet(View, frozen=True):
    """apps/v1 ReplicaSet."""

    metadata: ObjectMeta = ObjectMeta()
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()
