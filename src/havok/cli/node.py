"""`havok node list | add | remove | stop | start | drain`: the real nodes of a local cluster."""

from typing import TYPE_CHECKING, Annotated

import typer

from havok import text
from havok.cli.cluster import Name, progress, structured
from havok.cli.command import group
from havok.cli.console import Console
from havok.cli.options import Output, console_of
from havok.cli.output import Column, parse_format, table
from havok.settings import Settings

if TYPE_CHECKING:
    from havok.localcluster.cluster import NodeInfo

Node = Annotated[str, typer.Argument(metavar="NODE", help="cluster.node")]
Force = Annotated[bool, typer.Option("--force", help="cluster.node_force")]
COLUMNS = tuple(Column(heading) for heading in ("NODE", "STATE", "ADDRESS", "PODS", "POD-NETWORK", "WHY"))


def listing(context: typer.Context, name: Name = "default", output: Output = "table") -> None:
    from havok.localcluster import cluster

    console = console_of(context)
    form = parse_format(output, allowed=("table", "json", "yaml"))
    rows = cluster.nodes.listing(name, settings=Settings.load())
    if form.kind != "table":
        structured(console, rows, form.kind)
        return
    lines = [
        (row.name, _state(console, row), row.address, str(row.pods), row.pod_network, row.detail)
        for row in rows
    ]  # fmt: skip
    console.data(table(COLUMNS, lines))


def add(context: typer.Context, name: Name = "default") -> None:
    from havok.localcluster import cluster

    console = console_of(context)
    with progress(console) as report:
        added = cluster.nodes.add(name, settings=Settings.load(), report=report)
    _done(console, "added", added)


def remove(context: typer.Context, node: Node, name: Name = "default", force: Force = False) -> None:
    from havok.localcluster import cluster

    console = console_of(context)
    with progress(console) as report:
        cluster.nodes.remove(name, node, settings=Settings.load(), report=report, force=force)
    _done(console, "removed", node)


def stop(context: typer.Context, node: Node, name: Name = "default") -> None:
    from havok.localcluster import cluster

    console = console_of(context)
    with progress(console) as report:
        cluster.nodes.stop(name, node, settings=Settings.load(), report=report)
    _done(console, "stopped", node)


def start(context: typer.Context, node: Node, name: Name = "default") -> None:
    from havok.localcluster import cluster

    console = console_of(context)
    with progress(console) as report:
        cluster.nodes.start(name, node, settings=Settings.load(), report=report)
    _done(console, "started", node)


def drain(context: typer.Context, node: Node, name: Name = "default", force: Force = False) -> None:
    from havok.localcluster import cluster

    cluster.nodes.drain(name, node, settings=Settings.load(), force=force)
    _done(console_of(context), "drained", node)


node = group(
    "node",
    {"list": listing, "add": add, "remove": remove, "stop": stop, "start": start, "drain": drain},
)


def _state(console: Console, row: "NodeInfo") -> str:
    words = text.say(f"cluster.state.{row.state}", console.lang)
    if row.state != "off" and not row.schedulable:
        words += ", " + text.say("cluster.node.cordoned", console.lang)
    return words


def _done(console: Console, key: str, node: str) -> None:
    name = f"node-{node.removeprefix('node-')}"
    console.note(text.say(f"cluster.node.{key}", console.lang, node=name))
