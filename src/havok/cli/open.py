"""`havok open`: an address that a browser on this machine reaches.

In the foreground until Ctrl-C, or with `--background` as a process of its own that this module starts, lists
and ends (`background`).
"""

import asyncio
from typing import Annotated

import typer

from havok.cli import background, options
from havok.cli.connect import Cluster, FoundBoot, Target, connected, find_boot, run
from havok.cli.console import Console
from havok.cli.forward import HOST, Forwarder, Ports
from havok.cli.kinds import split_words
from havok.cli.output import Column, table
from havok.errors import UsageError

DEFAULT_PORT = 8080
"""The port of a Boot that states none (contract 1.2)."""


def open_(
    context: typer.Context,
    what: Annotated[str | None, typer.Argument(metavar="NAME", help="open.boot")] = None,
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="open.port")] = 0,
    remote: Annotated[int | None, typer.Option("--remote-port", metavar="N", help="open.remote_port")] = None,
    path: Annotated[str, typer.Option("--path", metavar="PATH", help="open.path")] = "/",
    detach: Annotated[bool, typer.Option("--background", "-b", help="open.background")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="open.stop")] = False,
    list_: Annotated[bool, typer.Option("--list", help="open.list")] = False,
    child: Annotated[bool, typer.Option("--child", hidden=True, help="open.background")] = False,
    namespace: options.Namespace = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    if list_ or stop:
        _list(console) if list_ else _stop(console, what, namespace)
        return
    if what is None:
        raise UsageError("cli.open.which", "no app is named", "havok open NAME; `havok get boots` lists them")
    target = Target(namespace, context_name, kubeconfig)
    suffix = path if path.startswith("/") else f"/{path}"
    if detach:
        _background(console, target, what, port=port, remote=remote, path=suffix)
        return
    resources, names = split_words([what])

    async def work() -> None:
        async with connected(target) as cluster:
            boot = await find_boot(cluster, names[0], resources)
            await _forward(console, cluster, boot, Ports(port, remote or _port(boot)), suffix, child=child)

    run(work)


async def _forward(
    console: Console, cluster: Cluster, boot: FoundBoot, ports: Ports, path: str, *, child: bool
) -> None:
    forwarder = Forwarder(cluster, boot, report=console.note)
    async with forwarder.listen(ports) as local:
        console.data(f"http://{HOST}:{local}{path}")
        console.flush()
        if not child:
            console.hint("open.foreground", name=boot.name)
        await asyncio.get_running_loop().create_future()


def _background(
    console: Console, target: Target, what: str, *, port: int, remote: int | None, path: str
) -> None:
    async def find() -> tuple[FoundBoot, str]:
        resources, names = split_words([what])
        async with connected(target) as cluster:
            return await find_boot(cluster, names[0], resources), cluster.context_name

    boot, context_name = run(find)
    folder = background.folder(console.environ)
    key = background.Key(context_name, boot.namespace, boot.name)
    running = background.find(folder, key)
    if running is not None and port in (0, running.port):
        console.data(running.address)
        console.hint("open.already", name=boot.name)
        return
    if running is not None:
        background.stop(folder, running)
    arguments = ["open", f"{boot.resource.kind}/{boot.name}", "--child", "--namespace", boot.namespace]
    arguments += ["--port", str(port), "--path", path]
    arguments += ["--remote-port", str(remote)] if remote else []
    arguments += ["--context", target.context or context_name] if target.context or context_name else []
    arguments += ["--kubeconfig", target.kubeconfig] if target.kubeconfig else []
    started = background.start(folder, key, arguments, console.environ)
    console.data(started.address)
    console.hint("open.started", name=boot.name)


def _list(console: Console) -> None:
    found = background.running(background.folder(console.environ))
    if not found:
        console.hint("open.nothing")
        return
    heads = (Column("NAMESPACE"), Column("NAME"), Column("ADDRESS"), Column("CONTEXT"), Column("PID"))
    rows = [(one.key.namespace, one.key.name, one.address, one.key.context, str(one.pid)) for one in found]
    console.data(table(heads, rows))


def _stop(console: Console, what: str | None, namespace: str | None) -> None:
    folder = background.folder(console.environ)
    found = [
        one
        for one in background.running(folder)
        if what in (None, one.key.name) and namespace in (None, one.key.namespace)
    ]
    if not found:
        console.hint("open.nothing")
    for one in found:
        background.stop(folder, one)
        console.hint("open.stopped", name=one.key.name)


def _port(boot: FoundBoot) -> int:
    port = boot.spec.get("port")
    return port if isinstance(port, int) and port > 0 else DEFAULT_PORT
