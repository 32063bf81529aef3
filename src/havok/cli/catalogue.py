"""Every error code of Havok, read from where it is raised.

The English of an error stands at its `raise`; reading the sources of the installed package keeps the list,
the page of `havok explain` and docs/reference/errors.md from drifting. Values read as `{name}`.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

import havok
from havok import text

CODE: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
EXITS: Final = {
    "UsageError": 2, "Invalid": 2, "NotFoundError": 3, "NotFound": 3, "ForbiddenError": 4, "Forbidden": 4,
    "Unauthorized": 4, "ConflictError": 5, "Conflict": 5, "AlreadyExists": 5, "TimedOutError": 6,
    "TimedOut": 6, "UnhealthyError": 7,
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
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        first = node.args[0]
        code = first.value if isinstance(first, ast.Constant) else None
        if not isinstance(code, str) or not CODE.fullmatch(code):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        message, *hints = (_template(argument) for argument in node.args[1:3])
        if name and message:
            yield Page(code, EXITS.get(name, 1), message, "".join(hints))


def translated(page: Page, lang: str) -> tuple[str, str]:
    """(sentence, hint) in the language asked for, with `{name}` where values go."""
    entry = (
        text.catalogue(page.code.split(".")[0], lang).get("errors", {}).get(page.code, {})
        if lang != "en"
        else {}
    )
    return str(entry.get("message", page.message)), str(entry.get("hint", page.hint))


def _rollout_failures(lang: str) -> Iterator[Page]:
    """The reasons why a roll-out fails stand in the texts, not at a `raise`."""
    texts = text.catalogue("cli", lang)
    for key, hint in texts.get("failure", {}).items():
        yield Page(f"deploy.{key}", 7, texts["rollout"][key], hint)


def _template(node: ast.expr) -> str:
    """The text of a string expression; values that only exist at run time as `{name}`."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "{" + ast.unparse(node.value).split("(")[0].rsplit(".", 1)[-1] + "}"
    if isinstance(node, ast.BinOp):
        return _template(node.left) + _template(node.right)
    if isinstance(node, ast.IfExp):
        return " / ".join(filter(None, (_template(node.body), _template(node.orelse))))
    return ""
