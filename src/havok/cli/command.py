"""From a row of the table to a running command: import its function, parse its options, call it.

Commands are plain typed functions (see `options` for the shared parameters). This module is the only one
that touches the parser's classes.
"""

import importlib
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from havok.cli import help
from havok.cli.commands import Entry
from havok.cli.console import Console
from havok.cli.failure import from_parser
from havok.errors import HavokError


class Command(TyperCommand):
    """A command whose help page is ours and whose global flags work after its name too."""

    def get_params(self, ctx: Any) -> list[Any]:
        own = super().get_params(ctx)
        names = {name for one in own for name in one.opts}
        return [*own, *(one for one in global_parameters() if not names.intersection(one.opts))]

    def get_help(self, ctx: Any) -> str:
        return help.command_page(_path(ctx), self.get_params(ctx), _console(ctx).lang)

    def invoke(self, ctx: Any) -> Any:
        console = _console(ctx)
        console.verbose |= bool(ctx.params.pop("_verbose", False))
        console.no_input |= bool(ctx.params.pop("_no_input", False))
        return super().invoke(ctx)


class Group(TyperGroup):
    """A command with sub-commands, such as `havok image push`."""

    def get_help(self, ctx: Any) -> str:
        return help.command_page(
            _path(ctx), self.get_params(ctx), _console(ctx).lang, subcommands=self.list_commands(ctx)
        )


def invoke(entry: Entry, arguments: list[str], console: Console) -> int:
    """Run a command; returns 0, or the code of a `typer.Exit`. Raises HavokError for everything else."""
    command = load(entry)
    try:
        with redirect_stdout(console.stdout):  # the parser prints help pages itself
            code = command.main(
                arguments, prog_name=f"havok {entry.name}", standalone_mode=False, obj=console
            )
    except typer.TyperException as error:
        raise from_parser(error, entry.name) from error
    except typer.Abort:
        raise KeyboardInterrupt from None
    return code if isinstance(code, int) else 0


def load(entry: Entry) -> Any:
    """The parser's command object for a row of the table; imports the command's module."""
    module, _, name = entry.target.partition(":")
    try:
        target = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise _absent(entry) from error
    return typer.main.get_command(target) if isinstance(target, typer.Typer) else build(entry.name, target)


def build(name: str, function: Callable[..., Any]) -> Any:
    """The parser's command object for one function."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    settings = {"help_option_names": ["-h", "--help"], "ignore_unknown_options": False}
    app.command(name, cls=Command, context_settings=settings, help="-")(function)
    return typer.main.get_command(app)


def group(name: str, functions: dict[str, Callable[..., Any]]) -> typer.Typer:
    """A command with sub-commands, for a module to export in the place of a function."""
    settings = {"help_option_names": ["-h", "--help"]}
    app = typer.Typer(
        name=name, cls=Group, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
        context_settings=settings, help="-", no_args_is_help=False,
    )  # fmt: skip
    app.callback()(_nothing)
    for word, function in functions.items():
        app.command(word, cls=Command, context_settings=settings, help="-")(function)
    return app


@cache
def global_parameters() -> list[Any]:
    """The parser's parameters for the flags that every command takes."""
    return list(build("global", _global).params)


def _nothing() -> None:
    return None


def _global(
    _verbose: bool = typer.Option(False, "--verbose", "-v", help="option.verbose"),
    _no_input: bool = typer.Option(False, "--no-input", help="option.no_input"),
) -> None:
    """The flags that every command takes."""


def _absent(entry: Entry) -> HavokError:
    return HavokError(
        "cli.command.absent",
        f"this installation of havok has no {entry.name} command",
        "install the complete distribution: pip install --upgrade havok",
        command=entry.name,
    )


def _path(ctx: typer.Context) -> str:
    return ctx.command_path.removeprefix("havok ")


def _console(ctx: typer.Context) -> Console:
    console: Console = ctx.obj
    return console
