"""What a roll-out is judged by: views of the objects of one Boot, taken at one moment."""

from datetime import datetime
from typing import Final

import msgspec

from havok.clock import parse_rfc3339
from havok.crds import Boot, BootRevision
from havok.kube.views import Condition, Deployment, Event, ObjectMeta, PodStatus, View

Workload = Deployment
"""Deployment, StatefulSet and ReplicaSet are read by one view: their counts have the same names."""

TEMPLATE_HASH: Final = "pod-template-hash"
REVISION_HASH: Final = "controller-revision-hash"
REVISION_NUMBER: Final = "deployment.kubernetes.io/revision"


class Probe(View, frozen=True):
    """How many seconds a probe waits before its first check."""

    initial_delay_seconds: int = 0


class Container(View, frozen=True):
    """A container of a pod."""

    name: str = ""
    image: str = ""
    readiness_probe: Probe | None = None


class PodSpec(View, frozen=True):
    """The containers of a pod; the app's is the first."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()


class Pod(View, frozen=True):
    """A pod of the Boot."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    def condition(self, kind: str) -> Condition | None:
        """The condition of this type."""
        return next((one for one in self.status.conditions or () if one.type == kind), None)

    @property
    def ready(self) -> bool:
        """Whether the pod takes traffic."""
        condition = self.condition("Ready")
        return condition is not None and condition.status == "True" and not self.ending

    @property
    def ending(self) -> bool:
        """Whether the pod is being deleted or has ended."""
        return self.metadata.deletion_timestamp is not None or self.status.phase in ("Succeeded", "Failed")

    @property
    def restarts(self) -> int:
        """How often its containers were started again."""
        return sum(status.restart_count for status in self.status.container_statuses or ())


class Observed(msgspec.Struct, frozen=True):
    """Everything about one Boot at one moment. `applied_at` is when this roll-out was asked for."""

    boot: Boot
    workload: Workload | None
    replica_sets: tuple[Workload, ...]
    pods: tuple[Pod, ...]
    events: tuple[Event, ...]
    applied_at: datetime
    now: datetime
    revisions: tuple[BootRevision, ...] = ()


def seen_at(event: Event) -> datetime | None:
    """When an event last happened."""
    last = event.last_timestamp or event.event_time or event.first_timestamp
    text = last or event.metadata.creation_timestamp
    return parse_rfc3339(text) if text else None


def latest(pod: Pod, seen: Observed, reason: str, word: str) -> Event | None:
    """The newest event of this reason about this pod whose message has `word`."""
    matching = [
        event
        for event in seen.events
        if event.reason == reason
        and event.involved_object.name == pod.metadata.name
        and (not event.involved_object.uid or event.involved_object.uid == pod.metadata.uid)
        and word in event.message
    ]
    return max(matching, key=order, default=None)


def order(event: Event) -> float:
    """When an event last happened, as a number; 0 where it does not say."""
    moment = seen_at(event)
    return moment.timestamp() if moment else 0.0
