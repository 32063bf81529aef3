"""Playing the operator, the controllers and the kubelet: objects with the status that a test wants."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from havok.cli.connect import run
from havok.clock import rfc3339, utcnow
from havok.codec import Json
from havok.crds import BOOT_KINDS, boot_kind, manifests
from havok.kube import Client
from havok.kube.resources import CRDS, DEPLOYMENTS, EVENTS, NAMESPACES, PODS, REPLICASETS, Resource
from support.controlplane import ControlPlane

T = TypeVar("T")
MANAGER = "stage"


class Stage:
    """One namespace of a control plane."""

    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.plane, self.namespace = plane, namespace

    def ask(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Do something with a client."""

        async def whole() -> T:
            async with Client(self.plane.access()) as client:
                return await work(client)

        return run(whole)

    def install(self) -> None:
        """Our custom resources, served."""

        async def work(client: Client) -> None:
            for manifest in manifests():
                await client.apply(CRDS, manifest, field_manager=MANAGER)
            async with asyncio.timeout(30):
                for kind in BOOT_KINDS:
                    while not await client.exists(kind.resource):  # noqa: ASYNC110  nothing to wait on
                        await asyncio.sleep(0.05)

        self.ask(work)

    def make_namespace(self) -> None:
        """The test's own namespace."""
        self.ask(lambda client: client.create(NAMESPACES, {"metadata": {"name": self.namespace}}))

    def boot(self, name: str, kind: str = "JavaBoot", **spec: Any) -> Json:
        """A Boot as somebody deployed it."""
        body = {"metadata": {"name": name}, "spec": {"image": "shop/pay", "version": "1.4", **spec}}
        return self.ask(lambda client: client.create(_resource(kind), body, self.namespace))

    def find(self, name: str, kind: str = "JavaBoot") -> Json:
        """A Boot as it is now."""
        return self.ask(lambda client: client.get(_resource(kind), name, self.namespace))

    def names(self) -> list[str]:
        """Every Boot's name."""

        async def work(client: Client) -> list[str]:
            listings = [await client.list(kind.resource, self.namespace) for kind in BOOT_KINDS]
            return sorted(item["metadata"]["name"] for listing in listings for item in listing.items)

        return self.ask(work)

    def take_up(self, name: str, **status: Any) -> None:
        """The operator has seen the Boot as it is now and made its Deployment of one replica set."""
        boot = self.find(name)
        replicas = boot["spec"].get("replicas", 1)
        seen = {"observedGeneration": boot["metadata"]["generation"], "workload": "Deployment", **status}
        labels = {"app": "havok", "bootName": name, "bootType": "java"}
        marked = {**labels, "pod-template-hash": "new"}
        template = {
            "metadata": {"labels": marked},
            "spec": {"containers": [{"name": "app", "image": "registry/shop/pay:1.4"}]},
        }
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        counts = {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas}
        marks = {"labels": marked, "annotations": _FIRST}

        async def work(client: Client) -> None:
            await self._status(client, boot_kind("JavaBoot").resource, name, seen)  # type: ignore[union-attr]
            await self._put(client, DEPLOYMENTS, name, {}, spec, counts)
            sets = {**spec, "selector": {"matchLabels": marked}}
            await self._put(client, REPLICASETS, f"{name}-new", marks, sets, {"replicas": replicas})

        self.ask(work)

    def pod(self, name: str, boot: str, container: Json, *, ready: bool = False) -> None:
        """A pod on a node with its container in this state."""
        labels = {"app": "havok", "bootName": boot, "bootType": "java", "pod-template-hash": "new"}
        image = "registry/shop/pay:1.4"
        spec = {"containers": [{"name": "app", "image": image}], "nodeName": "node"}
        verdict = "True" if ready else "False"
        status = {
            "phase": "Running",
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": verdict}],
            "containerStatuses": [
                {"name": "app", "image": image, "imageID": "", "ready": ready, "restartCount": 0, **container}
            ],
        }

        async def work(client: Client) -> None:
            await self._put(client, PODS, name, {"labels": labels}, spec, status)

        self.ask(work)

    def event(self, pod: str, reason: str, message: str) -> None:
        """Something that the kubelet reports about a pod."""
        body = {
            "metadata": {"generateName": f"{pod}."}, "type": "Warning", "reason": reason, "message": message,
            "involvedObject": {"kind": "Pod", "name": pod, "namespace": self.namespace},
            "firstTimestamp": rfc3339(utcnow()), "lastTimestamp": rfc3339(utcnow()), "count": 1,
        }  # fmt: skip
        self.ask(lambda client: client.create(EVENTS, body, self.namespace))

    async def _put(
        self, client: Client, resource: Resource, name: str, metadata: Json, spec: Json, status: Json
    ) -> None:
        body = {"metadata": {"name": name, "namespace": self.namespace, **metadata}, "spec": spec}
        await client.apply(resource, body, field_manager=MANAGER)
        await self._status(client, resource, name, status)

    async def _status(self, client: Client, resource: Resource, name: str, status: Json) -> None:
        await client.patch(resource, name, self.namespace, body={"status": status}, subresource="status")


_FIRST = {"deployment.kubernetes.io/revision": "1"}


def _resource(kind: str) -> Resource:
    row = boot_kind(kind)
    assert row is not None
    return row.resource
