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


class Page(msgspec.Struct, frozen=True):
    """One error: its code, exit code, and the English templates of sentence and hint."""

    code: str
    exit_code: int
    message: str
    hint: str


@cache
def pages() -> dict[str, Page]:
    """code → page, for every error raised anywhere in the package, or by the builds of the samples."""
    found: dict[str, Page] = {}
    known = exits()
    for tree in _sources():
        for page in read(tree, known):
            found.setdefault(page.code, page)
    return found | {page.code: page for page in _rollout_failures("en")}


@cache
def exits() -> dict[str, int]:
    """Error class → exit code, for every class of the package that sets one or stands on one that does."""
    classes = {
        node.name: node for tree in _sources() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }
    found = {name: _own_exit(node) for name, node in classes.items()}
    while resting := {name: code for name, code in found.items() if code is None}:
        for name in resting:
            bases = [found.get(_name(base), 0) for base in classes[name].bases]
            if None not in bases:
                # 1 is that of the root, which comes last however many bases there are
                found[name] = max(bases, key=lambda code: code or 0, default=0)
    return {name: code for name, code in found.items() if code}


@cache
def _sources() -> tuple[ast.Module, ...]:
    from havok.localcluster import samples

    root = Path(havok.__file__).parent
    files = sorted({*root.rglob("*.py"), *samples.folder().glob("**/*.py")})
    return tuple(ast.parse(file.read_text("utf-8")) for file in files)


def _own_exit(node: ast.ClassDef) -> int | None:
    for one in node.body:
        match one:
            case ast.AnnAssign(target=ast.Name(id="exit_code"), value=ast.Constant(value=int(code))) | (
                ast.Assign(targets=[ast.Name(id="exit_code")], value=ast.Constant(value=int(code)))
            ):
                return code
    return None


def read(tree: ast.Module, exits: Mapping[str, int]) -> Iterator[Page]:
    """The errors that one module raises: calls whose first two arguments are a code and a sentence.

    `exits` has the exit code of each class; a class that gives its code to `super().__init__` is its own.
    """
    yield from _tables(tree, exits)
    inside = _initialisers(tree)
    said: dict[str, ast.expr] = {}
    for node in sorted(_statements(tree), key=lambda node: (node.lineno, node.col_offset)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            named = [*node.args.posonlyargs, *node.args.args]
            defaults = zip(reversed(named), reversed(node.args.defaults), strict=False)
            said = {one.arg: value for one, value in defaults}
        elif isinstance(node, ast.Assign):
            said |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif (code := _code(node.args[0])) and (name := inside.get(node, _name(node.func))):
            values = {ast.unparse(keyword.value): keyword.arg or "" for keyword in node.keywords}
            message, *hints = (_template(argument, values, said) for argument in node.args[1:3])
            if " " in message:  # a sentence, not the version of an API group
                yield Page(code, exits.get(name, 1), message, "".join(hints))


def _initialisers(tree: ast.AST) -> dict[ast.AST, str]:
    """Calls of `super().__init__` → the class that they stand in."""
    return {
        call: node.name
        for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__"
    }  # fmt: skip


def _statements(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign) or (
            isinstance(node, ast.Call) and len(node.args) > 1
        ):
            yield node


def _code(node: ast.expr | None) -> str:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) and CODE.fullmatch(value) else ""


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def translated(page: Page, lang: str) -> tuple[str, str]:
    """(sentence, hint) in the language asked for, with `{name}` where values go."""
    entry = (
        text.catalogue(page.code.split(".")[0], lang).get("errors", {}).get(page.code, {})
        if lang != "en"
        else {}
    )
    return str(entry.get("message", page.message)), str(entry.get("hint", page.hint))


def _tables(tree: ast.AST, known: Mapping[str, int]) -> Iterator[Page]:
    """Errors told by tables: code: (sentence, hint); or (class, code) and code: hint, where the sentence is
    the server's own."""
    exits: dict[str, int] = {}
    hints: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Tuple(elts=[ast.Name(id=name), ast.Constant() as second]) if code := _code(second):
                exits[code] = known.get(name, 1)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    match value:
                        case ast.Constant(value=str(hint)) if code := _code(key):
                            hints[code] = hint
                        case ast.Tuple(elts=[ast.Constant(value=str(words)), ast.Constant(value=str(hint))]):
                            if (code := _code(key)) and " " in words:
                                yield Page(code, 1, words, hint)
    for code in sorted(exits.keys() & hints.keys()):
        yield Page(code, exits[code], "{detail}", hints[code])


def _rollout_failures(lang: str) -> Iterator[Page]:
    """The reasons why a roll-out fails stand in the texts, not at a `raise`."""
    texts = text.catalogue("cli", lang)
    for key, hint in texts.get("failure", {}).items():
        yield Page(f"deploy.{key}", 7, texts["rollout"][key], hint)


def _template(node: ast.expr, values: Mapping[str, str], said: Mapping[str, ast.expr]) -> str:
    """The text of a string expression; values of run time as `{name}`, by their names in the context.

    `said` has what names were last set to.
    """
    match node:
        case ast.Constant(value=str(words)):
            return words
        case ast.JoinedStr(values=parts):
            return "".join(_template(part, values, said) for part in parts)
        case ast.FormattedValue(value=value):
            source = ast.unparse(value)
            return "{" + values.get(source, source.split("(")[0].rsplit(".", 1)[-1]) + "}"
        case ast.BinOp(left=left, right=right):
            return _template(left, values, said) + _template(right, values, said)
        case ast.IfExp(body=body, orelse=orelse):
            return " / ".join(filter(None, (_template(one, values, said) for one in (body, orelse))))
        case ast.BoolOp(values=parts):
            return _template(parts[-1], values, said)
        case ast.Name(id=name) if name in said:
            return _template(said[name], values, {})
    return ""
