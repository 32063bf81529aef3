"""From the common options to a client, and from a name to a Boot.

This is where the asynchronous client enters the synchronous commands: `run` owns the event loop of one
invocation.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from havok import log
from havok.cli.commands import nearest
from havok.cli.kinds import BOOTS
from havok.crds.kinds import boot_kind
from havok.errors import ConflictError, HavokError, NotFoundError
from havok.kube import Client, NotFound, load_access
from havok.kube.resources import Resource
from havok.settings import Settings

T = TypeVar("T")


class Target(msgspec.Struct, frozen=True):
    """Which cluster and namespace the common options name; None: what the kubeconfig says."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None


class Cluster(msgspec.Struct, frozen=True):
    """An open client with the namespace in force."""

    client: Client
    namespace: str
    context_name: str


class FoundBoot(msgspec.Struct, frozen=True):
    """A Boot as the API server holds it, with the resource it is of."""

    resource: Resource
    object: dict[str, Any]

    @property
    def name(self) -> str:
        """metadata.name"""
        return str(self.object["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """metadata.namespace"""
        return str(self.object["metadata"]["namespace"])

    @property
    def spec(self) -> dict[str, Any]:
        """spec, never None"""
        return self.object.get("spec") or {}

    @property
    def status(self) -> dict[str, Any]:
        """status, never None"""
        return self.object.get("status") or {}

    @property
    def selector(self) -> str:
        """The labels that its pods carry (contract 3.1)."""
        row = boot_kind(self.resource.kind)
        return f"app=havok,bootName={self.name},bootType={row.boot_type if row else ''}"


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run one command's asynchronous part to its end, on a loop of its own.

    What fails side by side is told as one failure: the first that we know how to explain.
    """
    try:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            return runner.run(work())
    except BaseExceptionGroup as group:
        raise _telling(group) from group


def _telling(group: BaseExceptionGroup[BaseException]) -> BaseException:
    leaves: list[BaseException] = []
    pending: list[BaseException] = [group]
    while pending:
        one = pending.pop(0)
        pending += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        leaves += [] if isinstance(one, BaseExceptionGroup) else [one]
    return next((leaf for leaf in leaves if isinstance(leaf, HavokError)), leaves[0])


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[Cluster]:
    """A client for the cluster that `target` names. Raises HavokError of `havok.kube`.

    Log lines of the layers below are for their developers: only failures are shown, on standard error.
    """
    log.configure("error", json=False)
    access = load_access(target.kubeconfig or local_kubeconfig(target, os.environ), target.context)
    namespace = target.namespace or access.namespace or "default"
    async with Client(access, user_agent="havok-cli") as client:
        yield Cluster(client, namespace, access.context_name or "")


def local_kubeconfig(target: Target, environ: Mapping[str, str]) -> str | None:
    """The local cluster's kubeconfig, where a person has none at all and may read it; else None.

    So `havok up && havok deploy` works at once, and whoever has a kubeconfig never meets a surprise.
    """
    home = Path(environ.get("HOME", "~")).expanduser()
    named = target.context or environ.get("KUBECONFIG") or environ.get("KUBERNETES_SERVICE_HOST")
    if named or (home / ".kube" / "config").exists():
        return None
    folder = Path(Settings.load(environ=environ).get("cluster.home", str))
    file = folder / "clusters" / "default" / "config" / "admin.kubeconfig"
    return str(file) if os.access(file, os.R_OK) else None


async def list_boots(
    cluster: Cluster, resources: tuple[Resource, ...], *, namespace: str | None, labels: str = ""
) -> list[FoundBoot]:
    """Every Boot of these kinds, by namespace, name and kind; `namespace` None: all namespaces.

    Raises NotFoundError `cli.crds.absent` when the cluster knows none of the kinds.
    """
    listings = await _each(
        resources, lambda one: cluster.client.list(one, namespace, view=dict, labels=labels)
    )
    if all(listing is None for listing in listings):
        raise crds_absent(cluster)
    found = [
        FoundBoot(resource, {"apiVersion": resource.api_version, "kind": resource.kind, **item})
        for resource, listing in zip(resources, listings, strict=True)
        for item in (listing.items if listing else ())
    ]
    return sorted(found, key=lambda boot: (boot.namespace, boot.name, boot.resource.kind))


async def find_boot(cluster: Cluster, name: str, resources: tuple[Resource, ...] = BOOTS) -> FoundBoot:
    """The one Boot of this name in the namespace in force.

    Raises NotFoundError `cli.boot.missing` with the nearest name, ConflictError `cli.boot.ambiguous` when
    two kinds share it.
    """
    answers = await _each(resources, lambda one: cluster.client.get(one, name, cluster.namespace, view=dict))
    found = [FoundBoot(one, item) for one, item in zip(resources, answers, strict=True) if item is not None]
    if len(found) == 1:
        return found[0]
    if found:
        kinds = [boot.resource.kind.lower() for boot in found]
        raise ConflictError(
            "cli.boot.ambiguous",
            f"{name} is the name of {len(found)} Boots: {', '.join(kinds)}",
            f"name the kind too: {kinds[0]}/{name}",
            name=name, kinds=", ".join(kinds), first=kinds[0],
        )  # fmt: skip
    raise await _missing(cluster, name, resources)


async def find_boots(cluster: Cluster, names: list[str], resources: tuple[Resource, ...]) -> list[FoundBoot]:
    """The Boots of these names, in their order, each once. Raises as `find_boot`."""
    return [await find_boot(cluster, name, resources) for name in dict.fromkeys(names)]


def crds_absent(cluster: Cluster) -> NotFoundError:
    """The cluster does not know Boots at all."""
    where = cluster.context_name or cluster.client.access.server
    return NotFoundError(
        "cli.crds.absent",
        f"the cluster {where} does not know Boots: Havok is not installed there",
        "`havok up` makes a local cluster that has it; name another with --context",
        cluster=where,
    )


async def _missing(cluster: Cluster, name: str, resources: tuple[Resource, ...]) -> NotFoundError:
    known = [boot.name for boot in await list_boots(cluster, resources, namespace=cluster.namespace)]
    near = nearest(name, known)
    listing = f"havok get boots -n {cluster.namespace}"
    return NotFoundError(
        "cli.boot.missing",
        f"there is no Boot called {name} in namespace {cluster.namespace}",
        f"did you mean {near}?" if near else f"`{listing}` lists what is there; -A looks everywhere",
        name=name, namespace=cluster.namespace, nearest=near or listing,
    )  # fmt: skip


async def _each(resources: tuple[Resource, ...], ask: Callable[[Resource], Awaitable[T]]) -> list[T | None]:
    """The answer for each resource, asked side by side; None where the server says "not found"."""

    async def one(resource: Resource) -> T | None:
        try:
            return await ask(resource)
        except NotFound:
            return None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(resource)) for resource in resources]
    return [task.result() for task in tasks]
