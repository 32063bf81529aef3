"""What the tables of the contract share: an operator for a whole module, and Boots by profile.

Each test deploys Boots of names of its own, so that one operator in one namespace serves all of them.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from havok.boots import names
from havok.codec import Json
from havok.kube.resources import DEPLOYMENTS, Resource
from scenario.boots.stage import Cluster, Running, boots


@asynccontextmanager
async def stand(cluster: Cluster, config: str, suffix: str = "", **options: Any) -> AsyncIterator[Running]:
    """An operator in a new namespace with this central config."""
    namespace = await cluster.new_namespace(suffix)
    if config:
        await cluster.configure(namespace, config)
    async with Running.start(cluster, namespace, **options) as operator:
        yield operator


async def put_up(
    operator: Running, name: str, kind: str = "JavaBoot", *, profile: str = "", **spec: Any
) -> Json:
    """Create a Boot and wait until the operator has seen to it."""
    annotations = {names.PROFILE: profile} if profile else {}
    body = {
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"image": "harbor/sample", "version": "1.0", **spec},
    }
    namespace = operator.options.namespace
    await operator.cluster.client.create(boots(kind), body, namespace, field_manager="person")
    return await operator.settled(name, kind)


async def changed(operator: Running, name: str, kind: str = "JavaBoot", **spec: Any) -> Json:
    """Merge into the spec of a Boot and wait until the operator has seen to it."""
    await operator.cluster.change(operator.options.namespace, name, kind, **spec)
    return await operator.settled(name, kind)


async def becomes(operator: Running, resource: Resource, name: str, holds: Callable[[Json], bool]) -> Json:
    """An object of the operator's namespace, once `holds` is true of it."""
    return await operator.cluster.until(resource, name, operator.options.namespace, holds)


async def deployment(operator: Running, name: str) -> Json:
    return await operator.cluster.client.get(DEPLOYMENTS, name, operator.options.namespace)


def pod(workload: Json) -> Json:
    """The spec of its pods."""
    found: Json = workload["spec"]["template"]["spec"]
    return found


def app(workload: Json) -> Json:
    """The app's own container."""
    found: Json = pod(workload)["containers"][0]
    return found


def labels(name: str, boot_type: str = "java") -> dict[str, str]:
    """Of pods, revisions and the selector."""
    return {"app": "havok", "bootName": name, "bootType": boot_type}
