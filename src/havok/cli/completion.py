"""`havok completion SHELL`: the scripts, and the answers that they ask for.

A script calls ``havok __complete WORD… CURRENT`` and reads one candidate a line, its meaning after a tab; the
line ``:files`` leaves it to the shell to complete file names. Nothing here ever fails or asks: without a
cluster there are just no names.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Final

import typer

from havok.cli import commands, options
from havok.cli.console import Console
from havok.cli.help import text_name
from havok.cli.live_names import LiveNames
from havok.cli.output import FORMATS
from havok.errors import UsageError

FILES: Final = ":files"
BOOT_COMMANDS: Final = ("describe", "open", "logs", "exec", "port-forward", "events", "top", "delete")

SCRIPTS: Final = {
    "bash": """\
_havok() {
    local value
    COMPREPLY=()
    while IFS=$'\\t' read -r value _; do
        if [ "$value" = ":files" ]; then compopt -o default; COMPREPLY=(); return; fi
        COMPREPLY+=("$value")
    done < <(havok __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _havok havok
""",
    "zsh": """\
#compdef havok
_havok() {
    local -a values
    local value text
    while IFS=$'\\t' read -r value text; do
        if [[ $value == ":files" ]]; then _files; return; fi
        values+=("${value//:/\\\\:}${text:+:$text}")
    done < <(havok __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    _describe 'havok' values
}
if [ "$funcstack[1]" = "_havok" ]; then _havok; else compdef _havok havok; fi
""",
    "fish": """\
function __havok_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (havok __complete $words[2..-1] 2>/dev/null)
    if test "$found[1]" = ":files"
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $found
    end
end
complete -c havok -f -a '(__havok_complete)'
""",
}


def completion(
    context: typer.Context,
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="completion.shell")],
) -> None:
    console = options.console_of(context)
    if shell not in SCRIPTS:
        near = commands.nearest(shell, list(SCRIPTS))
        raise UsageError(
            "cli.completion.shell",
            f"there is no completion for {shell}",
            f"did you mean {near}?" if near else "choose from bash, zsh, fish",
            shell=shell, nearest=near or "bash, zsh, fish",
        )  # fmt: skip
    console.data(SCRIPTS[shell])


def complete(console: Console, words: list[str]) -> None:
    """Print the candidates for the last of `words`, which is what has been typed of it."""
    *before, current = words or [""]
    for value, text in candidates(before, current, console, LiveNames(console.environ)):
        if value.startswith(current) or value == FILES:
            console.data(f"{value}\t{text}" if text else value)


def candidates(before: list[str], current: str, console: Console, live: LiveNames) -> list[tuple[str, str]]:
    """(candidate, meaning) pairs for the word after `before`; the caller keeps those that fit `current`."""
    entry = commands.find(before[0]) if before else None
    if entry is None:
        return [(name, console.say(f"{text_name(name)}.help")) for name in commands.names()]
    from havok.cli.command import load

    command = load(entry)
    parameters = _parameters(command)
    if taking := _option_before(parameters, before):
        return _values(taking, before, live)
    if current.startswith("-") and "--" not in before:
        return [
            (name, console.say(one.help) if one.help else "")
            for one in parameters
            if one.param_type_name == "option" and not getattr(one, "hidden", False)
            for name in one.opts
            if name.startswith("--")
        ]
    return _positional(command, entry.name, _positionals(parameters, before[1:]), before, live)


def _parameters(command: Any) -> list[Any]:
    from havok.cli.command import global_parameters

    return [*command.params, *global_parameters()]


def _option_before(parameters: list[Any], before: list[str]) -> Any:
    """The option that takes the word being typed as its value."""
    for one in parameters:
        if one.param_type_name == "option" and not one.is_flag and before[-1] in one.opts:
            return one
    return None


def _positionals(parameters: list[Any], words: list[str]) -> list[str]:
    taking = {
        name for one in parameters if one.param_type_name == "option" and not one.is_flag for name in one.opts
    }
    found: list[str] = []
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = not skip and word in taking
            continue
        found.append(word)
    return found


def _values(option: Any, before: list[str], live: LiveNames) -> list[tuple[str, str]]:
    from havok.cli.kinds import BOOTS

    scope = _scope(before)
    known: dict[str, Callable[[], list[str]]] = {
        "namespace": lambda: live.namespaces(scope),
        "context_name": live.contexts,
        "output": lambda: ["jsonpath=" if name == "jsonpath" else name for name in FORMATS],
        "kind": lambda: [resource.kind.lower().removesuffix("boot") for resource in BOOTS],
        "kubeconfig": lambda: [FILES],
        "file": lambda: [FILES],
        "bin_dir": lambda: [FILES],
    }
    values = known.get(option.name)
    return [(value, "") for value in values()] if values else []


def _positional(
    command: Any, name: str, words: list[str], before: list[str], live: LiveNames
) -> list[tuple[str, str]]:
    if hasattr(command, "commands"):
        return [(word, "") for word in command.commands] if not words else [(FILES, "")]
    if name == "get" and not words:
        from havok.cli.kinds import BOOTS

        return [("boots", ""), *((resource.plural, "") for resource in BOOTS)]
    if name in BOOT_COMMANDS or name == "get":
        return [(boot, "") for boot in live.boots(_scope(before)) if boot not in words]
    if words and name not in ("init", "deploy"):
        return []
    if name == "explain":
        from havok.cli.catalogue import pages

        return [(code, "") for code in sorted(pages())]
    fixed = {"completion": list(SCRIPTS), "serve": ["operator"]}
    return [(word, "") for word in fixed.get(name, [FILES])]


def _scope(before: list[str]) -> dict[str, str | None]:
    """The cluster and namespace that the words typed so far name."""
    scope: dict[str, str | None] = {"namespace": None, "context": None, "kubeconfig": None}
    flags = {
        "-n": "namespace",
        "--namespace": "namespace",
        "--context": "context",
        "--kubeconfig": "kubeconfig",
    }
    for word, following in pairwise(before):
        if word in flags:
            scope[flags[word]] = following
    return scope
