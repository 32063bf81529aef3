"""What the operator sees of a cluster: caches of the Boots and of what they own."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeAlias, TypeVar

from havok.boots.live import Autoscaler, Ingress, Workload
from havok.boots.names import BootKey
from havok.boots.observed import Pod
from havok.crds import BOOT_KINDS, BOOT_REVISIONS, Boot, BootRevision
from havok.kube.cache import Cache
from havok.kube.client import Client
from havok.kube.resources import DEPLOYMENTS, HPAS, INGRESSES, PODS, SERVICES, STATEFULSETS, Resource
from havok.kube.store import Index
from havok.kube.views import Service

T = TypeVar("T")

BY_LABELS = "service labels"
BY_OWNER = "controller"
BY_BOOT = "pod labels"


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
    ) -> None:
        self.resource = resource
        self.caches: list[Cache[T]] = [
            Cache(client, resource, view=view, namespace=namespace, indexes=indexes, labels=labels)
            for namespace in (namespaces or (None,))
        ]

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

    @property
    def caches(self) -> list[AnyCache]:
        """Every cache, to be run."""
        boots = [cache for watched in self.boots.values() for cache in watched.caches]
        workloads = [cache for watched in self.workloads.values() for cache in watched.caches]
        reach: list[AnyCache] = [*self.services.caches, *self.autoscalers.caches, *self.ingresses.caches]
        return [*boots, *workloads, *reach, *self.revisions.caches, *self.pods.caches]

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

    @property
    def has_synced(self) -> bool:
        return all(cache.has_synced for cache in self.caches)


def _pod_labels(labelled: BootRevision | Pod) -> Iterable[Hashable]:
    meta = labelled.metadata
    return [(meta.namespace, meta.label("bootName"), meta.label("bootType"))]


def _controller(service: Service) -> Iterable[Hashable]:
    controller = service.metadata.controller
    return [controller.uid] if controller is not None else []


def _service_labels(service: Service) -> Iterable[Hashable]:
    app, environment = service.metadata.label("app"), service.metadata.label("logan/env")
    return [(service.metadata.namespace, app, environment)] if app and environment else []
