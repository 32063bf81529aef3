"""`havok serve ROLE`: run a part of Havok in the foreground, for containers and service managers."""

from typing import Annotated

import typer

from havok import log
from havok.cli import options
from havok.cli.commands import nearest
from havok.errors import UsageError
from havok.settings import Settings

ROLES = ("operator",)


def serve(
    context: typer.Context,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="serve.role")],
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    if role not in ROLES:
        near = nearest(role, list(ROLES))
        raise UsageError(
            "cli.serve.role",
            f"havok has no part called {role}",
            f"did you mean {near}?" if near else f"choose from {', '.join(ROLES)}",
            role=role, nearest=near or ", ".join(ROLES),
        )  # fmt: skip
    settings = Settings.load()
    log.configure(settings.get("log.level", str))
    _operator(settings, context_name, kubeconfig)
