"""The parameters that several commands share, declared once.

`help` holds a text key under `cli.`; `help.command_page` looks it up in the person's language.
"""

from typing import Annotated

import typer

from havok.cli.console import Console

Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", metavar="NAME", help="option.namespace", show_default=False)
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="option.all_namespaces")]
Context = Annotated[str | None, typer.Option("--context", metavar="NAME", help="option.context")]
Kubeconfig = Annotated[str | None, typer.Option("--kubeconfig", metavar="FILE", help="option.kubeconfig")]
Output = Annotated[str, typer.Option("--output", "-o", metavar="FORMAT", help="option.output")]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="option.no_headers")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="option.yes")]
Selector = Annotated[str, typer.Option("--selector", "-l", metavar="LABELS", help="option.selector")]
Container = Annotated[str | None, typer.Option("--container", "-c", metavar="NAME", help="option.container")]


def console_of(context: typer.Context) -> Console:
    """The console of the running invocation."""
    console: Console = context.obj
    return console
