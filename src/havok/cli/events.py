"""`havok events`: what happened lately to apps and what belongs to them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from havok.boots.observed import Pod, seen_at
from havok.cli import options
from havok.cli.connect import Cluster, FoundBoot, Target, connected, find_boot, run
from havok.cli.kinds import BOOTS, split_words
from havok.cli.output import Column, objects, parse_format, table
from havok.cli.pods import pods_of
from havok.clock import age, utcnow
from havok.kube.resources import EVENTS
from havok.kube.views import Event

HEADS: Final = (Column("LAST"), Column("TYPE"), Column("REASON"), Column("OBJECT"), Column("MESSAGE"))
GENERATED: Final = ("Deployment", "StatefulSet", "Service", "HorizontalPodAutoscaler")


def events(
    context: typer.Context,
    what: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="events.boot")] = None,
    namespace: options.Namespace = None,
    output: options.Output = "table",
    no_headers: options.NoHeaders = False,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    form = parse_format(output, allowed=("table", "json", "yaml", "jsonpath"))
    resources, names = split_words(what) if what else (BOOTS, [])

    async def work() -> None:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            boots = [await find_boot(cluster, name, resources) for name in names]
            if not form.for_people:
                listing = await cluster.client.list(EVENTS, cluster.namespace, view=dict)
                kept = set[str]()
                for boot in boots:
                    about = await events_about(cluster, boot.namespace, boot, await pods_of(cluster, boot))
                    kept |= {event.metadata.uid for event in about}
                items = [one for one in listing.items if not names or one["metadata"]["uid"] in kept]
                bodies = [{"apiVersion": "v1", "kind": "Event", **item} for item in items]
                console.data(objects(bodies, form, single=False))
                return
            found: list[Event] = []
            if boots:
                for boot in boots:
                    pods = await pods_of(cluster, boot)
                    found += await events_about(cluster, boot.namespace, boot, pods)
            else:
                listed = await cluster.client.list(EVENTS, cluster.namespace, view=Event)
                found = sorted(listed.items, key=_moment)
            now = utcnow()
            if found:
                rows = [event_row(event, now) for event in found]
                console.data(table(HEADS, rows, headers=not no_headers))
            else:
                console.hint("events.none")

    run(work)


async def events_about(cluster: Cluster, namespace: str, boot: FoundBoot, pods: Iterable[Pod]) -> list[Event]:
    """Events of the Boot, of what was made for it, and of its pods; the newest last."""
    listed = await cluster.client.list(EVENTS, namespace, view=Event)
    return sorted((one for one in listed.items if concerns(one, boot, pods)), key=_moment)


def concerns(event: Event, boot: FoundBoot, pods: Iterable[Pod]) -> bool:
    """Whether an event speaks of the Boot, its workload, its replica sets, its Services or its pods."""
    about = event.involved_object
    if about.kind == boot.resource.kind or about.kind in GENERATED:
        return about.name == boot.name
    if about.kind == "ReplicaSet":
        return about.name.rpartition("-")[0] == boot.name
    if about.kind == "Pod":
        names = {pod.metadata.name for pod in pods}
        return about.name in names or about.name.rsplit("-", 2)[0] == boot.name
    return False


def event_row(event: Event, now: datetime) -> tuple[str, str, str, str, str]:
    """LAST, TYPE, REASON, OBJECT, MESSAGE of one event; repeats as `(×5)`."""
    moment = seen_at(event)
    about = event.involved_object
    times = f" (×{event.count})" if (event.count or 1) > 1 else ""
    message = " ".join(event.message.split())
    last = age(moment, now) if moment else ""
    return last, event.type, event.reason, f"{about.kind.lower()}/{about.name}", message + times


def _moment(event: Event) -> datetime:
    return seen_at(event) or datetime.min.replace(tzinfo=UTC)
