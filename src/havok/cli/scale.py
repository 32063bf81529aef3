"""`havok scale`: another number of pods. The same as `kubectl scale`: it writes the subresource."""

from typing import Annotated

import typer

from havok.cli import duration, options
from havok.cli.connect import Target, connected, find_boot, run
from havok.cli.deploy import Applied, wait
from havok.cli.kinds import split_words
from havok.cli.revision import not_paused
from havok.cli.watch_rollout import Watched
from havok.clock import utcnow


def scale(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="NAME", help="option.boot")],
    replicas: Annotated[int, typer.Argument(metavar="N", min=0, max=100, help="deploy.replicas")],
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
            if not no_wait:
                not_paused(boot)
            if (boot.object["spec"].get("hpa") or {}).get("enable"):
                console.hint("scale.autoscaler", name=boot.name)
            at = utcnow()
            await cluster.client.patch(
                boot.resource, boot.name, boot.namespace, body={"spec": {"replicas": replicas}},
                subresource="scale", field_manager="havok-cli",
            )  # fmt: skip
            console.hint("scale.asked", name=boot.name, replicas=replicas)
            if not no_wait:
                watched = Watched(boot.resource, boot.namespace, boot.name)
                await wait(console, cluster, [Applied(watched, boot.object, "changed", at)], timeout=patience)

    run(work)
