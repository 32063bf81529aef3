"""What the operator sees of a cluster: caches of the Boots and of what they own."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeAlias, TypeVar

from havok.boots.live import Autoscaler, Ingress, Workload
from havok.boots.names import BootKey
from havok.boots.observed import Pod
from havok.boots.observed import Workload as ReplicaSet
from havok.crds import BOOT_KINDS, BOOT_REVISIONS, Boot, BootRevision
from havok.kube.cache import Cache
from havok.kube.client import Client
from havok.kube.resources import (
    DEPLOYMENTS,
    EVENTS,
    HPAS,
    INGRESSES,
    PODS,
    REPLICASETS,
    SERVICES,
    STATEFULSETS,
    Resource,
)
from havok.kube.store import Index
from havok.kube.views import Event, Service

T = TypeVar("T")

BY_LABELS = "service labels"
BY_OWNER = "controller"
BY_BOOT = "pod labels"
BY_SUBJECT = "involved object"
WARNINGS = "type=Warning"
"""Of all events the few that say what is wrong."""


class Watched(Generic[T]):
    """One kind in several namespaces, or in all."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        view: type[T],
        namespaces: Sequence[str],
        indexes: dict[str, Index[T]] | None = None,
        *,
        labels: str = "",
        fields: str = "",
    ) -> None:
        self.resource = resource
        self.caches: list[Cache[T]] = [
            Cache(
                client, resource, view=view, namespace=namespace,
                indexes=indexes, labels=labels, fields=fields,
            )
            for namespace in (namespaces or (None,))
        ]  # fmt: skip

    def get(self, namespace: str, name: str) -> T | None:
        """The object, or None."""
        found = (cache.get(namespace, name) for cache in self.caches)
        return next((obj for obj in found if obj is not None), None)

    def by_index(self, index: str, key: Hashable) -> list[T]:
        """The objects that `index` put under `key`."""
        return [obj for cache in self.caches for obj in cache.by_index(index, key)]

    @property
    def has_synced(self) -> bool:
        return all(cache.has_synced for cache in self.caches)


AnyCache: TypeAlias = (
    Cache[Boot]
    | Cache[Workload]
    | Cache[Service]
    | Cache[Autoscaler]
    | Cache[Ingress]
    | Cache[BootRevision]
    | Cache[Pod]
    | Cache[ReplicaSet]
    | Cache[Event]
)


class World:
    """All caches; `namespaces` empty: the whole cluster."""

    def __init__(self, client: Client, namespaces: Sequence[str]) -> None:
        self.boots = {kind.kind: Watched(client, kind.resource, Boot, namespaces) for kind in BOOT_KINDS}
        self.workloads = {
            resource.kind: Watched(client, resource, Workload, namespaces)
            for resource in (DEPLOYMENTS, STATEFULSETS)
        }
        indexes: dict[str, Index[Service]] = {BY_LABELS: _service_labels, BY_OWNER: _controller}
        self.services = Watched(client, SERVICES, Service, namespaces, indexes)
        self.autoscalers = Watched(client, HPAS, Autoscaler, namespaces)
        self.ingresses = Watched(client, INGRESSES, Ingress, namespaces)
        self.revisions = Watched(client, BOOT_REVISIONS, BootRevision, namespaces, {BY_BOOT: _pod_labels})
        self.pods = Watched(client, PODS, Pod, namespaces, {BY_BOOT: _pod_labels}, labels="app=havok")
        self.replica_sets = Watched(
            client, REPLICASETS, ReplicaSet, namespaces, {BY_BOOT: _pod_labels}, labels="app=havok"
        )
        self.warnings = Watched(client, EVENTS, Event, namespaces, {BY_SUBJECT: _subject}, fields=WARNINGS)

    @property
    def caches(self) -> list[AnyCache]:
        """Every cache, to be run."""
        boots = [cache for watched in self.boots.values() for cache in watched.caches]
        workloads = [cache for watched in self.workloads.values() for cache in watched.caches]
        reach: list[AnyCache] = [*self.services.caches, *self.autoscalers.caches, *self.ingresses.caches]
        told: list[AnyCache] = [*self.pods.caches, *self.replica_sets.caches, *self.warnings.caches]
        return [*boots, *workloads, *reach, *self.revisions.caches, *told]

    def names(self) -> list[tuple[str, str, str]]:
        """Singular of the kind, namespace and name of every Boot."""
        return [
            (kind.singular, boot.metadata.namespace, boot.metadata.name)
            for kind in BOOT_KINDS
            for cache in self.boots[kind.kind].caches
            for boot in cache.list()
        ]

    def workload(self, key: BootKey, kind: str) -> Workload | None:
        """What lives under the Boot's name, whoever it belongs to."""
        return self.workloads[kind].get(key.namespace, key.name)

    def services_of(self, key: BootKey, environment: str) -> list[Service]:
        """Services that carry the Boot's service labels, whoever they belong to."""
        return self.services.by_index(BY_LABELS, (key.namespace, key.name, environment))

    def services_owned_by(self, uid: str) -> list[Service]:
        """Services whose controller is the Boot of this uid."""
        return self.services.by_index(BY_OWNER, uid)

    def revisions_of(self, key: BootKey) -> list[BootRevision]:
        """Revisions that carry the Boot's labels, whoever they belong to."""
        return self.revisions.by_index(BY_BOOT, (key.namespace, key.name, key.kind.boot_type))

    def pods_of(self, key: BootKey) -> list[Pod]:
        """The Boot's pods, of whatever revision."""
        return self.pods.by_index(BY_BOOT, (key.namespace, key.name, key.kind.boot_type))

    def replica_sets_of(self, key: BootKey) -> list[ReplicaSet]:
        """The replica sets of the Boot's Deployment."""
        return self.replica_sets.by_index(BY_BOOT, (key.namespace, key.name, key.kind.boot_type))

    def warnings_about(self, key: BootKey) -> list[Event]:
        """Warnings about the Boot's pods and its StatefulSet."""
        subjects = [("StatefulSet", key.name), *(("Pod", one.metadata.name) for one in self.pods_of(key))]
        found = (self.warnings.by_index(BY_SUBJECT, (key.namespace, *subject)) for subject in subjects)
        return [event for events in found for event in events]

    def boot_of(self, event: Event) -> tuple[str, str, str] | None:
        """Namespace, name and type of the Boot whose pod or StatefulSet an event is about."""
        about = event.involved_object
        if about.kind == "Pod":
            subject: Pod | Workload | None = self.pods.get(about.namespace, about.name)
        elif about.kind == "StatefulSet":
            subject = self.workloads["StatefulSet"].get(about.namespace, about.name)
        else:
            subject = None
        if subject is None:
            return None
        meta = subject.metadata
        return meta.namespace, meta.label("bootName"), meta.label("bootType")

    @property
    def has_synced(self) -> bool:
        return all(cache.has_synced for cache in self.caches)


def _subject(event: Event) -> Iterable[Hashable]:
    about = event.involved_object
    return [(about.namespace, about.kind, about.name)]


def _pod_labels(labelled: BootRevision | Pod | ReplicaSet) -> Iterable[Hashable]:
    meta = labelled.metadata
    return [(meta.namespace, meta.label("bootName"), meta.label("bootType"))]


def _controller(service: Service) -> Iterable[Hashable]:
    controller = service.metadata.controller
    return [controller.uid] if controller is not None else []


def _service_labels(service: Service) -> Iterable[Hashable]:
    app, environment = service.metadata.label("app"), service.metadata.label("logan/env")
    return [(service.metadata.namespace, app, environment)] if app and environment else []
