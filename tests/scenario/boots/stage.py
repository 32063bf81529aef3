"""What scenarios of Boots share: a cluster with our kinds, waiting without sleeping, a running operator."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import msgspec

from havok.boots import rbac
from havok.boots.operator import run
from havok.boots.options import OperatorOptions
from havok.codec import Json
from havok.crds import BOOT_KINDS, boot_kind, manifests
from havok.kube import Client
from havok.kube.cache import Cache
from havok.kube.resources import (
    CLUSTERROLEBINDINGS,
    CLUSTERROLES,
    CONFIGMAPS,
    CRDS,
    DEPLOYMENTS,
    NAMESPACES,
    ROLEBINDINGS,
    ROLES,
    SERVICES,
    Resource,
)

PATIENCE = 20.0
OPERATOR = "havok:operator"
RBAC = {resource.kind: resource for resource in (CLUSTERROLES, CLUSTERROLEBINDINGS, ROLES, ROLEBINDINGS)}


class Cluster:
    """An administrator's view of one API server."""

    def __init__(self, client: Client, operator: Client) -> None:
        self.client = client
        self.operator = operator
        """A client with the rights that `rbac` gives, and no more."""

    async def new_namespace(self, suffix: str = "") -> str:
        """A namespace for apps, where the operator may keep its own things too."""
        name = f"t-{uuid4().hex[:10]}{suffix}"
        await self.client.create(NAMESPACES, {"metadata": {"name": name}})
        for manifest in rbac.manifests({"kind": "User", "name": OPERATOR, "apiGroup": rbac.API}, name):
            await self.client.apply(RBAC[manifest["kind"]], manifest, field_manager="test")
        return name

    async def install(self) -> None:
        """Apply our custom resources and wait until the API server serves them."""
        for manifest in manifests():
            await self.client.apply(CRDS, manifest, field_manager="test")
            await self.until(CRDS, manifest["metadata"]["name"], "", _established)
        for kind in BOOT_KINDS:
            # an established kind may still answer "storage is initializing"; the client tries again
            await self.client.list(kind.resource)

    async def until(
        self, resource: Resource, name: str, namespace: str, holds: Callable[[Json], bool]
    ) -> Json:
        """The object, as soon as `holds` is true of it; told by a watch."""
        found: asyncio.Future[Json] = asyncio.get_running_loop().create_future()

        def look(old: Json | None, new: Json | None) -> None:
            if new is not None and not found.done() and holds(new):
                found.set_result(new)

        cache: Cache[Json] = Cache(
            self.client, resource, view=dict, namespace=namespace or None, fields=f"metadata.name={name}"
        )
        cache.subscribe(look)
        watching = asyncio.create_task(cache.run())
        try:
            async with asyncio.timeout(PATIENCE):
                return await found
        except TimeoutError:
            raise AssertionError(f"{resource} {name} never came to be so: {cache.list()}") from None
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def deploy(self, namespace: str, name: str = "demo", kind: str = "JavaBoot", **spec: Any) -> Json:
        """Create a Boot of three words of spec and what is given."""
        body = {
            "metadata": {"name": name},
            "spec": {"image": "harbor/sample", "version": "1.0", **spec},
        }
        return await self.client.create(boots(kind), body, namespace, field_manager="person")

    async def change(self, namespace: str, name: str = "demo", kind: str = "JavaBoot", **spec: Any) -> Json:
        """Merge into the spec of a Boot, as a person."""
        return await self.client.patch(
            boots(kind), name, namespace, body={"spec": spec}, field_manager="person"
        )

    async def deployment(self, namespace: str, name: str = "demo") -> Json:
        return await self.client.get(DEPLOYMENTS, name, namespace)

    async def service(self, namespace: str, name: str = "demo") -> Json:
        return await self.client.get(SERVICES, name, namespace)

    async def report(self, namespace: str, name: str = "demo", **counts: int) -> None:
        """Play the Deployment controller: it has seen the latest spec and has these counts of pods."""
        generation = (await self.deployment(namespace, name))["metadata"]["generation"]
        status = {"observedGeneration": generation, **counts}
        await self.client.patch(DEPLOYMENTS, name, namespace, body={"status": status}, subresource="status")

    async def configure(self, namespace: str, text: str) -> None:
        """Write the central config into the operator's namespace."""
        body = {
            "metadata": {"name": "logan-app-operator-config", "namespace": namespace},
            "data": {"config.yaml": text},
        }
        await self.client.apply(CONFIGMAPS, body, field_manager="person")


class Running:
    """An operator in this process; it keeps its Lease and config in the namespace of its apps."""

    def __init__(
        self, cluster: Cluster, options: OperatorOptions, stop: asyncio.Event, task: asyncio.Task[None]
    ) -> None:
        self.cluster = cluster
        self.options = options
        self._stop = stop
        self._task = task

    @classmethod
    @asynccontextmanager
    async def start(cls, cluster: Cluster, namespace: str, **options: Any) -> AsyncIterator["Running"]:
        """Run one until the block ends; the block fails when the operator did."""
        stop = asyncio.Event()
        given = OperatorOptions(
            namespace=namespace, watch_namespaces=(namespace,), metrics_port=0,
            identity="tester", lease_seconds=4.0,
        )  # fmt: skip
        given = msgspec.structs.replace(given, **options)
        task = asyncio.create_task(run(given, cluster.operator, stop))
        running = cls(cluster, given, stop, task)
        try:
            yield running
        finally:
            await running.stopped()

    async def stopped(self) -> None:
        """End it now; raises what it failed with."""
        self._stop.set()
        async with asyncio.timeout(5):
            await self._task

    async def settled(self, name: str = "demo", kind: str = "JavaBoot") -> Json:
        """The Boot, once the operator has seen its latest generation and written its status."""
        return await self.cluster.until(
            boots(kind), name, self.options.namespace,
            lambda boot: boot.get("status", {}).get("observedGeneration") == boot["metadata"]["generation"]
            and bool(boot["status"].get("services")),
        )  # fmt: skip


def boots(kind: str = "JavaBoot") -> Resource:
    """Where Boots of a kind are kept."""
    row = boot_kind(kind)
    assert row is not None
    return row.resource


def conditions(boot: Json) -> dict[str, tuple[str, str]]:
    """Type to status and reason."""
    return {one["type"]: (one["status"], one["reason"]) for one in boot["status"]["conditions"]}


async def versions(*reads: Awaitable[Json]) -> list[str]:
    """The resourceVersions of some objects: equal twice means that nothing was written in between."""
    return [obj["metadata"]["resourceVersion"] for obj in await asyncio.gather(*reads)]


def _established(crd: Json) -> bool:
    found = crd.get("status", {}).get("conditions") or []
    return any((one["type"], one["status"]) == ("Established", "True") for one in found)
