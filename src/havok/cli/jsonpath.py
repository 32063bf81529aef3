r"""kubectl's JSONPath templates, the part that people use.

Text with expressions in braces: ``{.items[*].metadata.name}``, ``{.spec['a.b']}``, ``{.a[0]}``, ``{.a[-1]}``,
``{..image}``, ``{.conditions[?(@.type=="Ready")].status}``, ``{range .items[*]}{.metadata.name}{"\n"}{end}``.
A missing field yields nothing. Reference: kubernetes.io/docs/reference/kubectl/jsonpath. Pure.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

from havok.codec import decode_json, encode_json
from havok.errors import UsageError

Step = Callable[[Any], Iterator[Any]]

_STEP: Final = re.compile(
    r"""
    \.\.(?P<deep>[\w-]+) | \.(?P<field>(?:[\w/-]|\\.)+) | \.?(?P<all>\*|\[\*\])
    | \[(?P<index>-?\d+)\] | \[(?P<from>-?\d*):(?P<to>-?\d*)\]
    | \[(?P<quote>['"])(?P<key>.*?)(?P=quote)\]
    | \[\?\(\s*@(?P<left>(?:\.[\w-]+)+)\s*(?P<operator>==|!=|<=|>=|<|>)\s*(?P<right>[^)]+?)\s*\)\]
    """,
    re.VERBOSE,
)
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def evaluate(template: str, value: Any) -> str:
    """The template filled in from `value`. Raises UsageError `cli.jsonpath.invalid`."""
    pieces = _pieces(template)
    text, rest = _render(pieces, 0, value, template)
    if rest < len(pieces):
        _refuse(template, "{end} without {range}")
    return text


def _pieces(template: str) -> list[tuple[bool, str]]:
    """(is expression, text) pairs; a template without braces is one expression."""
    if "{" not in template:
        template = "{" + (template if template.startswith((".", "[")) else f".{template}") + "}"
    found: list[tuple[bool, str]] = []
    at = 0
    for match in re.finditer(r"\{((?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^{}\"'])*)\}", template):
        found += [(False, template[at : match.start()])] if match.start() > at else []
        found.append((True, match.group(1).strip()))
        at = match.end()
    tail = template[at:]
    if "{" in tail:
        _refuse(template, "a brace is not closed")
    return [*found, *([(False, tail)] if tail else [])]


def _render(pieces: list[tuple[bool, str]], at: int, value: Any, template: str) -> tuple[str, int]:
    """The text from piece `at` to its `end` (or the last), and where that was."""
    out: list[str] = []
    while at < len(pieces):
        expression, text = pieces[at]
        if not expression:
            out.append(text)
        elif text == "end":
            return "".join(out), at
        elif text.startswith("range "):
            block, at = _repeat(pieces, at, value, template)
            out.append(block)
        elif text[:1] in "\"'":
            out.append(_literal(text, template))
        else:
            out.append(" ".join(_text(one) for one in _select(text, value, template)))
        at += 1
    return "".join(out), at


def _repeat(pieces: list[tuple[bool, str]], at: int, value: Any, template: str) -> tuple[str, int]:
    items = list(_select(pieces[at][1].removeprefix("range ").strip(), value, template))
    rendered = [_render(pieces, at + 1, item, template) for item in items or [{}]]
    end = rendered[0][1]
    if end >= len(pieces):
        _refuse(template, "{range} without {end}")
    return "".join(text for text, _ in rendered) if items else "", end


def _select(path: str, value: Any, template: str) -> list[Any]:
    path = path.removeprefix("$").removeprefix("@")
    values = [value]
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or match.end() == at:
            if path[at:] == ".":
                break
            _refuse(template, f"cannot read {path[at:]!r}")
        values = [found for one in values for found in _step(match, one)]
        at = match.end()
    return values


def _step(match: re.Match[str], value: Any) -> Iterator[Any]:
    part = match.groupdict()
    if part["deep"] is not None:
        yield from _everywhere(part["deep"], value)
    elif part["field"] is not None or part["key"] is not None:
        name = part["key"] if part["key"] is not None else re.sub(r"\\(.)", r"\1", part["field"])
        if isinstance(value, dict) and name in value:
            yield value[name]
    elif part["all"]:
        yield from value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    elif not isinstance(value, list):
        return
    elif part["index"] is not None:
        index = int(part["index"])
        if -len(value) <= index < len(value):
            yield value[index]
    elif part["left"] is not None:
        yield from (item for item in value if _matches(part, item))
    else:
        yield from value[slice(*(int(part[end]) if part[end] else None for end in ("from", "to")))]


def _everywhere(name: str, value: Any) -> Iterator[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and name in value:
        yield value[name]
    for child in children:
        yield from _everywhere(name, child)


def _matches(part: dict[str, Any], item: Any) -> bool:
    for name in part["left"].split(".")[1:]:
        if not isinstance(item, dict) or name not in item:
            return False
        item = item[name]
    right = part["right"]
    wanted = right[1:-1] if right[:1] in "\"'" else decode_json(right)
    try:
        return _OPERATORS[part["operator"]](item, wanted)
    except TypeError:
        return False


def _literal(text: str, template: str) -> str:
    if len(text) < 2 or text[0] != text[-1]:
        _refuse(template, f"cannot read {text!r}")
    escapes = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(r"\\(.)", lambda match: escapes.get(match.group(1), match.group(1)), text[1:-1])


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else encode_json(value).decode()


def _refuse(template: str, reason: str) -> NoReturn:
    raise UsageError(
        "cli.jsonpath.invalid",
        f"the jsonpath template {template!r} cannot be understood: {reason}",
        "write it as kubectl does, for example jsonpath='{.items[*].metadata.name}'",
        template=template, reason=reason,
    )  # fmt: skip
