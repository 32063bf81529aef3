"""The one place where an error becomes text for a person or JSON for a program.

Every failure reads the same: the sentence with its cause, the code, and the next step. With `-o json` (or
yaml) it is one JSON object on standard error, in English, so that a program can rely on it.
"""

import os
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from havok.cli import schema_words
from havok.cli.console import Console
from havok.errors import HavokError, UsageError
from havok.text import explain


def report(console: Console, error: HavokError, *, as_json: bool = False) -> int:
    """Print `error` on standard error; returns the exit code it stands for."""
    if as_json:
        console.note(as_document(error))
    else:
        message, hint = _in_language(error, console.lang)
        console.note(f"{console.paint(console.say('error.label'), 'red')} {message} [{error.code}]")
        for line in hint.splitlines():
            console.note(f"  {line}")
    if console.verbose:
        for line in causes(error):
            console.note(console.paint(f"  {line}", "dim"))
    return error.exit_code


def _in_language(error: HavokError, lang: str) -> tuple[str, str]:
    own = getattr(error, "in_language", None)
    if own:
        return own(lang)  # type: ignore[no-any-return]
    message, hint = explain(error, lang)
    return schema_words.refusal(error, lang) or message, hint


def as_document(error: HavokError) -> str:
    """The error as one line of JSON: code, message, hint, exit code and context."""
    from havok.codec import encode_json

    context = {key: _plain(value) for key, value in error.context.items()}
    body = {
        "code": error.code, "message": error.message, "hint": error.hint,
        "exitCode": error.exit_code, "context": context,
    }  # fmt: skip
    return encode_json({"error": body}).decode()


def causes(error: BaseException) -> list[str]:
    """The chain of what led to `error`, the nearest first."""
    found: list[str] = []
    cause = error.__cause__
    while cause is not None:
        found.append(f"{type(cause).__module__}.{type(cause).__qualname__}: {cause}")
        cause = cause.__cause__
    return found


def defect(error: BaseException, *, folder: Path | None = None) -> HavokError:
    """An error nobody foresaw, as a HavokError that names the file with its traceback."""
    path = _write_traceback(error, folder)
    kind = type(error).__name__
    return HavokError(
        "cli.defect",
        f"havok itself failed ({kind}): this is a defect, not something you did",
        f"the details are in {path}; please report them, or run again with -v to see them",
        kind=kind, path=str(path),
    )  # fmt: skip


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether the invocation asked for JSON, as far as can be told before its options are parsed."""
    for index, word in enumerate(arguments):
        if word == "--":
            break
        following = arguments[index + 1] if index + 1 < len(arguments) else ""
        if word in ("-ojson", "-o=json", "--output=json") or (
            word in ("-o", "--output") and following == "json"
        ):
            return True
    return False


def from_parser(error: Exception, command: str) -> UsageError:
    """An error of the option parser in our own words and with our own codes."""
    kind = type(error).__name__
    if kind == "NoSuchOption":
        name, near = str(getattr(error, "option_name", "")), getattr(error, "possibilities", None) or []
        return UsageError(
            "cli.option.unknown",
            f"havok {command} has no option {name}",
            f"did you mean {near[0]}?" if near else f"`havok {command} --help` lists them",
            command=command, option=name, nearest=near[0] if near else "--help",
        )  # fmt: skip
    if kind == "MissingParameter":
        name = _parameter(error)
        return UsageError(
            "cli.argument.missing",
            f"havok {command} needs {name}",
            f"`havok {command} --help` shows how",
            command=command, argument=name,
        )  # fmt: skip
    if kind == "BadParameter":
        name = _parameter(error)
        return UsageError(
            "cli.argument.invalid",
            f"{name} is not right: {getattr(error, 'message', error)}",
            f"`havok {command} --help` shows what it takes",
            command=command, argument=name, reason=str(getattr(error, "message", error)),
        )  # fmt: skip
    reason = str(getattr(error, "message", error)).rstrip(".")
    reason = reason[:1].lower() + reason[1:]
    return UsageError(
        "cli.usage",
        f"havok {command} cannot be run like this: {reason}",
        f"`havok {command} --help` shows how",
        command=command, reason=reason,
    )  # fmt: skip


def _parameter(error: Exception) -> str:
    parameter: Any = getattr(error, "param", None)
    if parameter is None:
        return "an argument"
    if parameter.param_type_name == "option":
        return max(parameter.opts, key=len)  # type: ignore[no-any-return]
    return str(parameter.metavar or parameter.name.upper())


def _write_traceback(error: BaseException, folder: Path | None) -> Path:
    text = "".join(traceback.format_exception(error))
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    handle, name = tempfile.mkstemp(prefix=f"havok-defect-{stamp}-", suffix=".txt", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)
