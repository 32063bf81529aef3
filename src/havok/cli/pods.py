"""The pods of a Boot, and which of them a command means."""

from typing import Final

from havok.boots.observed import Pod
from havok.cli.commands import nearest
from havok.cli.connect import Cluster, FoundBoot
from havok.errors import HavokError, NotFoundError
from havok.kube.resources import PODS

APP: Final = "app"
"""The name of the app's own container (contract 3.1)."""


async def pods_of(cluster: Cluster, boot: FoundBoot) -> list[Pod]:
    """Its pods, ready ones first, then by name."""
    listing = await cluster.client.list(PODS, boot.namespace, view=Pod, labels=boot.selector)
    return sorted(listing.items, key=lambda pod: (not pod.ready, pod.metadata.name))


async def one_pod(cluster: Cluster, boot: FoundBoot, name: str | None = None) -> Pod:
    """The pod of this name, else the first that is ready, else one whose app runs.

    Raises NotFoundError `cli.pod.missing`, HavokError `cli.pod.none`.
    """
    pods = await pods_of(cluster, boot)
    if name is not None:
        return next((pod for pod in pods if pod.metadata.name == name), None) or _missing(boot, name, pods)
    found = next((pod for pod in pods if pod.ready or _runs(pod)), None)
    if found is None:
        raise HavokError(
            "cli.pod.none",
            f"no pod of {boot.name} is running",
            f"`havok describe {boot.name} -n {boot.namespace}` says why",
            name=boot.name, namespace=boot.namespace, pods=len(pods),
        )  # fmt: skip
    return found


def container_of(pod: Pod, wanted: str | None) -> str:
    """The container of this name, else the app's own. Raises NotFoundError `cli.container.missing`."""
    names = [container.name for container in (*pod.spec.containers, *pod.spec.init_containers)]
    if wanted is None:
        return APP if APP in names or not names else names[0]
    if wanted in names:
        return wanted
    near = nearest(wanted, names)
    raise NotFoundError(
        "cli.container.missing",
        f"pod {pod.metadata.name} has no container {wanted}",
        f"did you mean {near}?" if near else f"it has: {', '.join(names)}",
        pod=pod.metadata.name, container=wanted, nearest=near or ", ".join(names),
    )  # fmt: skip


def _runs(pod: Pod) -> bool:
    return not pod.ending and any(one.state.running for one in pod.status.container_statuses or ())


def _missing(boot: FoundBoot, name: str, pods: list[Pod]) -> Pod:
    names = [pod.metadata.name for pod in pods]
    near = nearest(name, names)
    raise NotFoundError(
        "cli.pod.missing",
        f"{boot.name} has no pod called {name}",
        f"did you mean {near}?" if near else f"it has: {', '.join(names) or '-'}",
        name=boot.name, pod=name, nearest=near or ", ".join(names),
    )  # fmt: skip
