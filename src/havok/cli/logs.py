"""`havok logs`: the logs of an app's pods, as their containers wrote them.

With several pods each line begins with its pod's name. `-f` also takes up pods that appear later, so that a
roll-out can be followed.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Final

import msgspec
import typer

from havok.boots.observed import Pod
from havok.cli import duration, options
from havok.cli.connect import Cluster, FoundBoot, Target, connected, find_boot, run
from havok.cli.console import Console
from havok.cli.kinds import split_words
from havok.cli.pods import container_of, pods_of
from havok.errors import HavokError, UsageError
from havok.text import explain

LOOK_AGAIN: Final = 2.0
"""Seconds between looks for new pods while following."""


class Wanted(msgspec.Struct, frozen=True):
    """Which part of the logs."""

    container: str | None
    follow: bool
    previous: bool
    tail: int | None
    since: int | None
    timestamps: bool


def logs(
    context: typer.Context,
    what: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="option.boot")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="logs.follow")] = False,
    previous: Annotated[bool, typer.Option("--previous", "-p", help="logs.previous")] = False,
    tail: Annotated[int | None, typer.Option("--tail", metavar="N", min=0, help="logs.tail")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="logs.since")] = None,
    container: options.Container = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="logs.timestamps")] = False,
    operator: Annotated[bool, typer.Option("--operator", help="logs.operator")] = False,
    cluster_name: Annotated[str, typer.Option("--name", metavar="CLUSTER", help="logs.cluster")] = "",
    namespace: options.Namespace = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    if operator:
        from havok.cli.operator_log import show

        show(console, cluster_name, follow=follow, tail=tail)
        return
    resources, names = split_words(what or [])
    if len(names) != 1:
        raise UsageError(
            "cli.logs.which",
            "the logs of one app are shown at a time",
            "havok logs NAME; `havok get boots` lists them",
        )
    seconds = round(duration.seconds(since)) if since else None
    wanted = Wanted(container, follow, previous, tail, seconds, timestamps)

    async def work() -> None:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            boot = await find_boot(cluster, names[0], resources)
            pods = await pods_of(cluster, boot)
            if not pods and not follow:
                console.hint("logs.none", name=boot.name)
            elif follow:
                await _follow(console, cluster, boot, wanted)
            else:
                for pod in pods:
                    prefix = pod.metadata.name if len(pods) > 1 else ""
                    await _stream(console, cluster, pod, wanted, prefix)

    run(work)


async def _follow(console: Console, cluster: Cluster, boot: FoundBoot, wanted: Wanted) -> None:
    """Stream every pod that is there and, from its first line, every one that comes, until interrupted."""
    whole = msgspec.structs.replace(wanted, tail=None, since=None, previous=False)
    streams: dict[str, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            pods = await pods_of(cluster, boot)
            part = whole if streams else wanted
            for pod in pods:
                uid = pod.metadata.uid
                if uid not in streams and _has_started(pod):
                    prefix = pod.metadata.name if len(pods) > 1 or streams else ""
                    streams[uid] = group.create_task(_stream(console, cluster, pod, part, prefix))
            await asyncio.sleep(LOOK_AGAIN)


async def _stream(console: Console, cluster: Cluster, pod: Pod, wanted: Wanted, prefix: str) -> None:
    blocks = cluster.client.logs(
        pod.metadata.name, pod.metadata.namespace, container=container_of(pod, wanted.container),
        follow=wanted.follow, previous=wanted.previous, tail=wanted.tail, since_seconds=wanted.since,
        timestamps=wanted.timestamps,
    )  # fmt: skip
    head = console.paint(prefix, "dim", stream=console.stdout) + " " if prefix else ""
    try:
        async for lines in whole_lines(blocks):
            console.stdout.write("".join(f"{head}{line}\n" for line in lines))
            if wanted.follow:
                console.flush()
    except HavokError as error:
        told = _not_started(pod) if "waiting to start" in error.message else error
        if not prefix:
            raise told from error
        console.note(f"{prefix}: {explain(told, console.lang)[0]}")


def _not_started(pod: Pod) -> HavokError:
    name, where = pod.metadata.label("bootName"), pod.metadata.namespace
    return HavokError(
        "cli.logs.not_started",
        f"pod {pod.metadata.name} has not started yet, so it has no log",
        f"`havok describe {name} -n {where}` says what it waits for",
        pod=pod.metadata.name, name=name, namespace=where,
    )  # fmt: skip


async def whole_lines(blocks: AsyncIterator[bytes]) -> AsyncIterator[list[str]]:
    """The complete lines of each block; a line cut by a block's end waits for the rest of it."""
    rest = b""
    async for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        if lines:
            yield [line.decode("utf-8", "replace") for line in lines]
    if rest:
        yield [rest.decode("utf-8", "replace")]


def _has_started(pod: Pod) -> bool:
    statuses = pod.status.container_statuses or ()
    return any(one.state.running or one.state.terminated or one.restart_count for one in statuses)
