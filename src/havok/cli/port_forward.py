"""`havok port-forward`: ports of this machine that lead to an app's pods, until Ctrl-C."""

import asyncio
import contextlib
from typing import Annotated

import typer

from havok.cli import options
from havok.cli.connect import Target, connected, find_boot, run
from havok.cli.forward import HOST, Forwarder, parse_ports
from havok.cli.kinds import split_words


def port_forward(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="NAME", help="option.boot")],
    ports: Annotated[list[str], typer.Argument(metavar="[LOCAL:]REMOTE", help="port_forward.ports")],
    namespace: options.Namespace = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    wanted = [parse_ports(text) for text in ports]
    resources, names = split_words([what])

    async def work() -> None:
        async with (
            connected(Target(namespace, context_name, kubeconfig)) as cluster,
            contextlib.AsyncExitStack() as stack,
        ):
            boot = await find_boot(cluster, names[0], resources)
            forwarder = Forwarder(cluster, boot, report=console.note)
            for one in wanted:
                local = await stack.enter_async_context(forwarder.listen(one))
                console.data(f"{HOST}:{local}")
                hint = {"address": f"{HOST}:{local}", "name": boot.name, "port": one.remote}
                console.hint("port_forward.forwarding", **hint)
            console.flush()
            await asyncio.get_running_loop().create_future()

    run(work)
