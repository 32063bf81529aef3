"""Every error code of Havok, read from where it is raised.

The English of an error stands at its `raise`; reading the sources of the installed package keeps the list,
the page of `havok explain` and docs/reference/errors.md from drifting. Values read as `{name}`.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

import havok
from havok import text

CODE: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
EXITS: Final = {
    "UsageError": 2, "Invalid": 2, "NotFoundError": 3, "NotFound": 3, "ForbiddenError": 4, "Forbidden": 4,
    "Unauthorized": 4, "Denied": 2, "ConflictError": 5, "Conflict": 5, "AlreadyExists": 5,
    "TimedOutError": 6, "TimedOut": 6, "UnhealthyError": 7,
}  # fmt: skip


class Page(msgspec.Struct, frozen=True):
    """One error: its code, exit code, and the English templates of sentence and hint."""

    code: str
    exit_code: int
    message: str
    hint: str


@cache
def pages() -> dict[str, Page]:
    """code → page, for every error raised anywhere in the package."""
    root = Path(havok.__file__).parent
    found: dict[str, Page] = {}
    for file in sorted(root.rglob("*.py")):
        for page in read(file.read_text("utf-8")):
            found.setdefault(page.code, page)
    return found | {page.code: page for page in _rollout_failures("en")}


def read(source: str) -> Iterator[Page]:
    """The errors that one module raises: calls whose first two arguments are a code and a sentence."""
    tree = ast.parse(source)
    yield from _refusals(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        first = node.args[0]
        code = first.value if isinstance(first, ast.Constant) else None
        if not isinstance(code, str) or not CODE.fullmatch(code):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        known = {ast.unparse(keyword.value): keyword.arg or "" for keyword in node.keywords}
        message, *hints = (_template(argument, known) for argument in node.args[1:3])
        if name and " " in message:  # a sentence, not the version of an API group
            yield Page(code, EXITS.get(name, 1), message, "".join(hints))


def translated(page: Page, lang: str) -> tuple[str, str]:
    """(sentence, hint) in the language asked for, with `{name}` where values go."""
    entry = (
        text.catalogue(page.code.split(".")[0], lang).get("errors", {}).get(page.code, {})
        if lang != "en"
        else {}
    )
    return str(entry.get("message", page.message)), str(entry.get("hint", page.hint))


def _refusals(tree: ast.AST) -> Iterator[Page]:
    """Errors whose sentence is the server's own: tables of (class, code) pairs and of code: hint."""
    exits: dict[str, int] = {}
    hints: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Tuple(elts=[ast.Name(id=name), ast.Constant(value=str(code))]) if CODE.fullmatch(code):
                exits[code] = EXITS.get(name, 1)
            case ast.Dict(keys=keys, values=values):
                for key, hint in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(hint, ast.Constant):
                        hints[str(key.value)] = str(hint.value)
    for code in sorted(exits.keys() & hints.keys()):
        yield Page(code, exits[code], "{detail}", hints[code])


def _rollout_failures(lang: str) -> Iterator[Page]:
    """The reasons why a roll-out fails stand in the texts, not at a `raise`."""
    texts = text.catalogue("cli", lang)
    for key, hint in texts.get("failure", {}).items():
        yield Page(f"deploy.{key}", 7, texts["rollout"][key], hint)


def _template(node: ast.expr, known: Mapping[str, str]) -> str:
    """The text of a string expression; values of run time as `{name}`, by their names in the context."""
    match node:
        case ast.Constant(value=str(words)):
            return words
        case ast.JoinedStr(values=parts):
            return "".join(_template(part, known) for part in parts)
        case ast.FormattedValue(value=value):
            source = ast.unparse(value)
            return "{" + known.get(source, source.split("(")[0].rsplit(".", 1)[-1]) + "}"
        case ast.BinOp():
            return _template(node.left, known) + _template(node.right, known)
        case ast.IfExp():
            either = (_template(node.body, known), _template(node.orelse, known))
            return " / ".join(filter(None, either))
    return ""
