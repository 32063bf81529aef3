"""Follow one roll-out on a cluster: read its objects each second, have `rollout` judge, say what is awaited.

The only I/O around the pure `rollout`. It changes nothing on the cluster, so that stopping it stops nothing.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from havok.boots.health_words import Verdict, judge, progress
from havok.boots.note import Note
from havok.boots.observed import Observed, Pod, Workload
from havok.boots.revisions import in_order, last_good, number
from havok.cli.connect import Cluster
from havok.cli.rollout import RolloutError
from havok.clock import utcnow
from havok.crds import BOOT_REVISIONS, Boot, BootRevision, boot_kind
from havok.errors import HavokError, NotFoundError, TimedOutError
from havok.kube import Forbidden, NotFound
from havok.kube.resources import DEPLOYMENTS, EVENTS, PODS, REPLICASETS, STATEFULSETS, Resource
from havok.kube.views import Event

T = TypeVar("T")
PERIOD: Final = 1.0
"""Seconds between two looks: five small reads, and what a person notices."""
LOG_LINES: Final = 10


class Watched(msgspec.Struct, frozen=True):
    """A Boot whose roll-out is followed."""

    resource: Resource
    namespace: str
    name: str

    @property
    def label(self) -> str:
        """`javaboot/demo`"""
        return f"{self.resource.kind.lower()}/{self.name}"

    @property
    def selector(self) -> str:
        """The labels of its pods (contract 3.1)."""
        row = boot_kind(self.resource.kind)
        return f"app=havok,bootName={self.name},bootType={row.boot_type if row else ''}"


async def follow(
    cluster: Cluster,
    watched: Watched,
    *,
    applied_at: datetime,
    timeout: float,
    say: Callable[[str], None],
    lang: str,
) -> Verdict:
    """Wait until it is healthy.

    `say` gets the line to show at each look. Raises RolloutError (exit 7) with the reason as soon as waiting
    is pointless or when `timeout` seconds pass with a trouble in sight, else TimedOutError.
    """
    verdict: Verdict | None = None
    seen: Observed | None = None
    try:
        async with asyncio.timeout(timeout):
            while True:
                seen = await observe(cluster, watched, applied_at=applied_at)
                verdict = judge(seen)
                if verdict.state == "healthy":
                    return verdict
                if verdict.reason is not None:
                    break
                say(progress(verdict, lang))
                await asyncio.sleep(PERIOD)
    except TimeoutError:
        if verdict is None or verdict.suspicion is None:
            raise _timed_out(watched, timeout, verdict) from None
    note = verdict.reason or verdict.suspicion or Note("stuck", {"message": ""})
    good = last_good(in_order(seen.revisions)) if seen else None
    lines = await last_lines(cluster, watched.namespace, note)
    raise RolloutError(watched.label, note, log=lines, good=number(good) if good else 0)


async def observe(cluster: Cluster, watched: Watched, *, applied_at: datetime) -> Observed:
    """Everything that `rollout.judge` reads, now. Raises NotFoundError when the Boot itself has gone."""
    client, where = cluster.client, watched.namespace
    try:
        boot = await client.get(watched.resource, watched.name, where, view=Boot)
    except NotFound as error:
        raise NotFoundError(
            "cli.deploy.gone",
            f"{watched.label} was deleted while its roll-out was awaited",
            "deploy it again if that was not meant",
            boot=watched.label,
        ) from error
    stateful = "StatefulSet" in (boot.spec.workload, boot.status.workload)
    kind = STATEFULSETS if stateful else DEPLOYMENTS
    async with asyncio.TaskGroup() as group:
        workload = group.create_task(_maybe(client.get(kind, watched.name, where, view=Workload)))
        sets = group.create_task(client.list(REPLICASETS, where, view=Workload, labels=watched.selector))
        pods = group.create_task(client.list(PODS, where, view=Pod, labels=watched.selector))
        revisions = group.create_task(_revisions(cluster, watched))
        kinds = ("Pod", "StatefulSet") if stateful else ("Pod",)
        events = [
            group.create_task(client.list(EVENTS, where, view=Event, fields=f"involvedObject.kind={kind}"))
            for kind in kinds
        ]
    names = {watched.name, *(pod.metadata.name for pod in pods.result().items)}
    return Observed(
        boot=boot,
        workload=workload.result(),
        replica_sets=() if stateful else tuple(sets.result().items),
        pods=tuple(pods.result().items),
        events=tuple(
            event
            for listed in events
            for event in listed.result().items
            if event.involved_object.name in names
        ),
        applied_at=applied_at,
        now=utcnow(),
        revisions=revisions.result(),
    )


async def _revisions(cluster: Cluster, watched: Watched) -> tuple[BootRevision, ...]:
    """The Boot's history; nothing where the person may not read it or the cluster has none."""
    try:
        found = await cluster.client.list(
            BOOT_REVISIONS, watched.namespace, view=BootRevision, labels=watched.selector
        )
    except (NotFound, Forbidden):
        return ()
    return tuple(found.items)


async def last_lines(cluster: Cluster, namespace: str, note: Note) -> tuple[str, ...]:
    """The last log lines of the container that a note points at; none where they cannot be had."""
    if note.logs_of is None:
        return ()
    pod, container, previous = note.logs_of
    blocks: list[bytes] = []
    try:
        async for block in cluster.client.logs(
            pod, namespace, container=container, previous=previous, tail=LOG_LINES
        ):
            blocks.append(block)
    except HavokError:
        return ()
    return tuple(b"".join(blocks).decode("utf-8", "replace").splitlines()[-LOG_LINES:])


async def _maybe(answer: Coroutine[Any, Any, T]) -> T | None:
    try:
        return await answer
    except NotFound:
        return None


def _timed_out(watched: Watched, timeout: float, verdict: Verdict | None) -> TimedOutError:
    state = progress(verdict, "en") if verdict else "nothing was seen"
    return TimedOutError(
        "cli.deploy.timeout",
        f"{watched.label} is not healthy after {timeout:.0f} s: {state}",
        f"the roll-out goes on; `havok get boots -w -n {watched.namespace}` follows it",
        boot=watched.label, seconds=f"{timeout:.0f}", state=state, namespace=watched.namespace,
    )  # fmt: skip
