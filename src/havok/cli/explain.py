"""`havok explain CODE`: what an error code means, without a network."""

from typing import Annotated

import typer

from havok.cli import catalogue
from havok.cli.commands import nearest
from havok.cli.options import console_of
from havok.errors import NotFoundError


def explain(
    context: typer.Context,
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="explain.code", show_default=False)
    ] = None,
) -> None:
    console = console_of(context)
    pages = catalogue.pages()
    if code is None:
        console.data("\n".join(sorted(pages)))
        return
    page = pages.get(code)
    if page is None:
        near = nearest(code, list(pages))
        raise NotFoundError(
            "cli.code.unknown",
            f"there is no error code {code}",
            f"did you mean {near}?" if near else "`havok explain` lists them all",
            wanted=code, nearest=near or "havok explain",
        )  # fmt: skip
    message, hint = catalogue.translated(page, console.lang)
    console.data(f"{page.code}\n\n  {message}\n")
    if hint:
        console.data("\n".join(f"  {line}" for line in hint.splitlines()) + "\n")
    console.data(
        console.say("explain.exit", code=page.exit_code, meaning=console.say(f"exit.{page.exit_code}"))
    )
