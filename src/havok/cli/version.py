"""`havok version`: this program's version, and the cluster's where one answers."""

import asyncio
from typing import Annotated, Any

import typer

from havok import __version__
from havok.cli.options import Context, Kubeconfig, Output, console_of
from havok.cli.output import parse_format
from havok.errors import HavokError

PATIENCE = 3.0
"""Seconds the cluster has to answer; its version is a courtesy here."""


def version(
    context: typer.Context,
    client: Annotated[bool, typer.Option("--client", help="version.client")] = False,
    output: Output = "table",
    context_name: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    console = console_of(context)
    form = parse_format(output, allowed=("table", "json", "yaml"))
    found: dict[str, Any] = {"client": {"version": __version__}}
    if not client:
        found |= _server(context_name, kubeconfig)
    if form.kind == "table":
        console.data(f"havok {__version__}")
        if "server" in found:
            console.data(f"kubernetes {found['server'].get('gitVersion', '?')}")
    else:
        from havok.codec import encode_json, encode_yaml

        console.data(encode_json(found, indent=2).decode() if form.kind == "json" else encode_yaml(found))


def _server(context_name: str | None, kubeconfig: str | None) -> dict[str, Any]:
    from havok.cli.connect import Target, connected, run

    async def ask() -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE), connected(Target(None, context_name, kubeconfig)) as cluster:
            return {"server": await cluster.client.version()}

    try:
        return run(ask)
    except (HavokError, TimeoutError):
        return {}
