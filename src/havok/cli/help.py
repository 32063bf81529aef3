"""What `--help` prints, for havok itself and for each command, in the person's language.

The root page is made from the table of commands and the texts alone. A command's page reads the parameters
that the parser knows; their `help` holds a text key (``option.namespace``), so that nothing is translated at
import.
"""

import textwrap
from typing import Any, Final

from havok.cli.commands import COMMANDS, GROUPS
from havok.text import catalogue, say

INDENT: Final = "  "
WIDTH: Final = 100


def root_page(lang: str) -> str:
    """The page of `havok --help`."""
    lines = [say("cli.help.root", lang), "", f"{say('cli.help.usage', lang)} havok [-h] [-v] COMMAND …"]
    width = max(len(entry.name) for entry in COMMANDS) + 2
    for group in GROUPS:
        lines += ["", say(f"cli.help.group.{group}", lang)]
        for entry in COMMANDS:
            if entry.group == group:
                lines.append(f"{INDENT}{entry.name:<{width}}{say(f'cli.{text_name(entry.name)}.help', lang)}")
    lines += ["", say("cli.help.footer", lang).rstrip()]
    return "\n".join(lines)


def text_name(command: str) -> str:
    """The part of a text key that stands for a command: `port-forward` → `port_forward`."""
    return command.replace("-", "_").replace(" ", "_")


def command_page(path: str, parameters: list[Any], lang: str, *, subcommands: list[str] | None = None) -> str:
    """The page of `havok <path> --help`, from the parser's parameters (shape: typer's options/arguments)."""
    texts = catalogue("cli", lang).get(text_name(path), {})
    visible = [one for one in parameters if not getattr(one, "hidden", False)]
    arguments = [one for one in visible if one.param_type_name == "argument"]
    options = [one for one in visible if one.param_type_name == "option" and one.name != "help"]
    shape = " ".join([*(_argument(one) for one in arguments), *(["COMMAND …"] if subcommands else [])])
    usage = texts.get("usage") or " ".join(["havok", path, *([shape] if shape else []), "[OPTIONS]"])
    lines = [texts.get("help", ""), "", f"{say('cli.help.usage', lang)} {usage}"]
    if more := texts.get("more", "").strip():
        lines += ["", more]
    if subcommands:
        rows = [(name, say(f"cli.{text_name(f'{path} {name}')}.help", lang)) for name in subcommands]
        lines += ["", say("cli.help.commands", lang), *_two_columns(rows)]
    if rows := [(_argument(one), _text(one, lang)) for one in arguments if one.help]:
        lines += ["", say("cli.help.arguments", lang), *_two_columns(rows)]
    rows = [(_option(one), _text(one, lang)) for one in options]
    rows.append(("-h, --help", say("cli.option.help", lang)))
    lines += ["", say("cli.help.options", lang), *_two_columns(rows)]
    if example := texts.get("example", "").strip():
        lines += ["", say("cli.help.example", lang), textwrap.indent(example, INDENT)]
    return "\n".join(lines)


def _argument(one: Any) -> str:
    name = one.metavar or one.name.upper()
    name = f"{name}…" if one.nargs != 1 else name
    return name if one.required else f"[{name}]"


def _option(one: Any) -> str:
    short = [name for name in one.opts if not name.startswith("--")]
    names = [*short, *(name for name in one.opts if name.startswith("--")), *one.secondary_opts]
    text = ", ".join(names)
    text = text if short else f"    {text}"
    return text if one.is_flag else f"{text} {one.metavar or one.name.upper()}"


def _text(one: Any, lang: str) -> str:
    return say(f"cli.{one.help}", lang) if one.help else ""


def _two_columns(rows: list[tuple[str, str]]) -> list[str]:
    width = min(max(len(left) for left, _ in rows), 34) + 2
    lines: list[str] = []
    for left, right in rows:
        wrapped = textwrap.wrap(right, WIDTH - width - 2) or [""]
        if len(left) + 2 > width:
            lines += [INDENT + left]
            left = ""
        lines += [f"{INDENT}{left:<{width}}{wrapped[0]}".rstrip()]
        lines += [f"{INDENT}{'':<{width}}{line}" for line in wrapped[1:]]
    return lines
