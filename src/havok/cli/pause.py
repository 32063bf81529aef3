"""`havok pause` and `havok resume`: have the operator leave an app's pods alone for a while.

The same as the annotation `app.logancloud.com/paused`: `true`, or the time until which it holds.
"""

from datetime import timedelta
from typing import Annotated

import typer

from havok.boots.names import PAUSED
from havok.cli import duration, options
from havok.cli.connect import Target, connected, find_boot, run
from havok.cli.kinds import split_words
from havok.clock import rfc3339, utcnow


def pause(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="NAME", help="option.boot")],
    lasting: Annotated[str | None, typer.Option("--for", metavar="TIME", help="pause.lasting")] = None,
    namespace: options.Namespace = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    until = rfc3339(utcnow() + timedelta(seconds=duration.seconds(lasting))) if lasting else "true"
    name = _annotate(Target(namespace, context_name, kubeconfig), what, until)
    console.hint("pause.until" if lasting else "pause.paused", name=name, until=until)


def resume(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="NAME", help="option.boot")],
    namespace: options.Namespace = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    name = _annotate(Target(namespace, context_name, kubeconfig), what, None)
    console.hint("resume.resumed", name=name)


def _annotate(target: Target, what: str, value: str | None) -> str:
    resources, names = split_words([what])

    async def work() -> None:
        async with connected(target) as cluster:
            boot = await find_boot(cluster, names[0], resources)
            body = {"metadata": {"annotations": {PAUSED: value}}}
            await cluster.client.patch(
                boot.resource, boot.name, boot.namespace, body=body, field_manager="havok-cli"
            )

    run(work)
    return names[0]
