"""The entry: find the command, import it, run it, and turn whatever happens into an exit code.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 not found, 4 forbidden, 5 conflict, 6 timed out, 7 deployed and
unhealthy, 130 interrupted. The help page of havok itself imports neither the option parser nor any command.
"""

import os
import sys
from collections.abc import Sequence

from havok.cli import commands, help
from havok.cli.console import Console
from havok.cli.failure import defect, from_parser, report, wants_json
from havok.errors import HavokError, UsageError

INTERRUPTED = 130
ROOT_FLAGS = {"-v": "verbose", "--verbose": "verbose", "--no-input": "no_input"}


def run() -> None:
    """The console script `havok`."""
    sys.exit(main(sys.argv[1:], Console()))


def main(arguments: Sequence[str], console: Console) -> int:
    """Run one command line; returns its exit code and lets no exception out."""
    try:
        code = _dispatch(list(arguments), console)
        console.flush()
        return code
    except BrokenPipeError:
        _silence(console)
        return 0
    except KeyboardInterrupt:
        console.note("")
        return INTERRUPTED
    except HavokError as error:
        return report(console, error, as_json=wants_json(arguments))
    except Exception as error:
        found = defect(error)
        found.__cause__ = error
        code = report(console, found, as_json=wants_json(arguments))
        if console.verbose:
            import traceback

            console.note("".join(traceback.format_exception(error)))
        return code


def _dispatch(arguments: list[str], console: Console) -> int:
    while arguments and arguments[0] in ROOT_FLAGS:
        setattr(console, ROOT_FLAGS[arguments.pop(0)], True)
    word = arguments[0] if arguments else "--help"
    if word in ("-h", "--help", "help") and len(arguments) < 2:
        console.data(help.root_page(console.lang))
        return 0
    if word == "help":
        arguments = [*arguments[1:], "--help"]
    elif word in ("--version", "-V"):
        arguments = ["version", "--client"]
    elif word.startswith("--explain"):
        arguments = ["explain", *(word.split("=", 1)[1:] or []), *arguments[1:]]
    elif word == "__complete":
        from havok.cli.completion import complete

        complete(console, arguments[1:])
        return 0
    entry = commands.find(arguments[0])
    if entry is None:
        raise _unknown(arguments[0])
    from havok.cli.command import invoke

    return invoke(entry, arguments[1:], console)


def _unknown(word: str) -> UsageError:
    if word.startswith("-"):
        return from_parser(_RootOptionError(word), "")
    near = commands.nearest(word, commands.names())
    return UsageError(
        "cli.command.unknown",
        f"havok has no command {word}",
        f"did you mean `havok {near}`?" if near else "`havok --help` lists them",
        word=word, nearest=near or "--help",
    )  # fmt: skip


class _RootOptionError(Exception):
    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.message = f"no such option: {word}"


def _silence(console: Console) -> None:
    """Keep the interpreter from complaining about the closed pipe when it flushes at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), console.stdout.fileno())
    except (OSError, ValueError):
        return


if __name__ == "__main__":
    run()
