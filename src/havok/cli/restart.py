"""`havok restart`: new pods of the same revision, one after the other.

The same as the annotation `app.logancloud.com/restartedAt` with a new text.
"""

import asyncio
from typing import Annotated

import typer

from havok.boots.names import RESTARTED_AT
from havok.cli import duration, options
from havok.cli.connect import Cluster, FoundBoot, Target, connected, find_boot, run
from havok.cli.deploy import Applied, wait
from havok.cli.kinds import split_words
from havok.cli.revision import not_paused
from havok.cli.rollback import PATIENCE, PERIOD
from havok.cli.watch_rollout import Watched
from havok.clock import rfc3339, utcnow
from havok.errors import TimedOutError
from havok.kube import NotFound
from havok.kube.resources import DEPLOYMENTS, STATEFULSETS


def restart(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="NAME", help="option.boot")],
    no_wait: Annotated[bool, typer.Option("--no-wait", help="deploy.no_wait")] = False,
    timeout: Annotated[str, typer.Option("--timeout", metavar="TIME", help="option.timeout")] = "10m",
    namespace: options.Namespace = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    patience = duration.seconds(timeout)
    resources, names = split_words([what])

    async def work() -> None:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            boot = await find_boot(cluster, names[0], resources)
            not_paused(boot)
            at = utcnow()
            stamp = rfc3339(at, micro=True)
            body = {"metadata": {"annotations": {RESTARTED_AT: stamp}}}
            after = await cluster.client.patch(
                boot.resource, boot.name, boot.namespace, body=body, field_manager="havok-cli"
            )
            console.hint("restart.asked", name=boot.name)
            if no_wait:
                return
            await _taken_up(cluster, boot, stamp)
            watched = Watched(boot.resource, boot.namespace, boot.name)
            await wait(console, cluster, [Applied(watched, after, "changed", at)], timeout=patience)

    run(work)


async def _taken_up(cluster: Cluster, boot: FoundBoot, stamp: str) -> None:
    """Wait until the operator has told the workload. Raises TimedOutError `cli.restart.unseen`."""
    stateful = boot.object["spec"].get("workload") == "StatefulSet"
    kind = STATEFULSETS if stateful else DEPLOYMENTS
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    live = await cluster.client.get(kind, boot.name, boot.namespace)
                    told = live["spec"]["template"]["metadata"].get("annotations") or {}
                    if told.get(RESTARTED_AT) == stamp:
                        return
                except NotFound:
                    pass
                await asyncio.sleep(PERIOD)
    except TimeoutError:
        raise TimedOutError(
            "cli.restart.unseen",
            f"no operator has taken the restart of {boot.name} up in {PATIENCE:.0f} s",
            "is the operator running? `havok status` tells of a local cluster; the request is stored",
            name=boot.name, seconds=f"{PATIENCE:.0f}",
        ) from None  # fmt: skip
