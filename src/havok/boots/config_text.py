"""The text of a central config as plain values, with the line that each of them stands on.

Text that starts with a brace is JSON and nothing else; all other text is YAML, of which the first document
counts (contract 2.7). Keys are texts, timestamps stay as they are written, the last of duplicate keys wins.
Whatever is wrong with a text, `read` raises `ConfigError` and nothing else; it knows nothing of blocks.
"""

import json
import math
from typing import Any, Final

import msgspec
import yaml

from havok.errors import UsageError

MOST_VALUES: Final = 200_000
"""Values of one text, its aliases written out. More than a mebibyte of text can hold without aliases."""
DEEPEST: Final = 100
"""Levels of nesting."""


class ConfigError(UsageError):
    """The central config cannot be used. `cause` says why, without saying where."""

    def __init__(self, code: str, cause: str, hint: str, *, line: int = 1, **context: object) -> None:
        super().__init__(code, f"central config, line {line}: {cause}", hint, line=line, **context)
        self.cause = cause
        self.line = line


class Document(msgspec.Struct, frozen=True):
    """What was read: the value, and path (``java.app.env[0].name``) → line from 1."""

    value: Any
    lines: dict[str, int]
    doubled: tuple[str, ...] = ()
    """Paths of keys that are given more than once."""
    is_json: bool = False

    def line_of(self, path: str) -> int:
        """The line of `path`, or of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 1)


def read(text: str) -> Document:
    """Raises ConfigError `boots.config.empty` or `boots.config.syntax`."""
    if not text.strip():
        raise ConfigError("boots.config.empty", "it is empty", "write blocks under config.yaml", line=1)
    try:
        return _read_json(text) if text.lstrip().startswith("{") else _read_yaml(text)
    except RecursionError:
        raise _syntax(1, f"it is nested more than {DEEPEST} levels deep") from None


def _syntax(line: int, reason: str) -> ConfigError:
    return ConfigError(
        "boots.config.syntax",
        f"it cannot be read: {reason}",
        "correct that line; indentation must be spaces, and text that starts with { is read as JSON",
        line=line, reason=reason,
    )  # fmt: skip


def _read_json(text: str) -> Document:
    doubled: list[str] = []
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _syntax(error.lineno, f"it is not valid JSON: {error.msg}") from error
    except ValueError as error:
        raise _syntax(1, f"it is not valid JSON: {error}") from error
    lines: dict[str, int] = {}
    try:
        # JSON is YAML but for tabs, so the places can be read by the same reader
        node = _compose(text.replace("\t", " "))
        _Builder(lines, doubled).build(node, "", 0)
    except (yaml.YAMLError, ConfigError):
        lines = {}
    _check_depth(value, 0)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _syntax(1, "it has half of a character: an escape like \\ud800 alone") from error
    return Document(value, lines, tuple(doubled), is_json=True)


def _check_depth(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise RecursionError
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        _check_depth(item, depth + 1)


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _read_yaml(text: str) -> Document:
    lines: dict[str, int] = {}
    doubled: list[str] = []
    try:
        node = _compose(text)
        value = {} if node is None else _Builder(lines, doubled).build(node, "", 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # what is missing at the end is placed after the last line
        line = min(mark.line, text.rstrip().count("\n")) + 1 if mark else 1
        raise _syntax(line, f"it is not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        # the reader's own errors span lines; a person needs the first
        raise _syntax(1, f"it is not readable YAML: {str(error).splitlines()[0]}") from error
    return Document(value, lines, tuple(doubled))


def _compose(text: str) -> Any:
    """The node of the first document; None when there is none."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return loader.get_node() if loader.check_node() else None
    finally:
        loader.dispose()


class _Builder:
    """From nodes to values; counts what aliases repeat, so that a few lines cannot fill the memory."""

    def __init__(self, lines: dict[str, int], doubled: list[str]) -> None:
        self._lines = lines
        self._doubled = doubled
        self._seen = 0
        self._scalars = yaml.SafeLoader("")

    def build(self, node: Any, path: str, depth: int) -> Any:
        """The value of `node`. Raises ConfigError, YAMLError, ValueError."""
        line = node.start_mark.line + 1
        self._seen += 1
        if self._seen > MOST_VALUES or depth > DEEPEST:
            what = f"{MOST_VALUES} values" if self._seen > MOST_VALUES else f"{DEEPEST} levels"
            raise _syntax(line, f"it has more than {what}, its aliases written out")
        self._lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, f"{path}[{at}]", depth + 1) for at, item in enumerate(node.value)]
        return self._scalar(node, line)

    def _mapping(self, node: Any, path: str, depth: int) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _syntax(key_node.start_mark.line + 1, "a key must be a text")
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged |= self._merged(value_node, path, depth)
                continue
            key = str(key_node.value)
            inner = f"{path}.{key}" if path else key
            if key in found:
                self._doubled.append(inner)
            self._lines[inner] = key_node.start_mark.line + 1
            found[key] = self.build(value_node, inner, depth + 1)
        return {**merged, **found}

    def _merged(self, node: Any, path: str, depth: int) -> dict[str, Any]:
        """What ``<<`` brings in; the first of several wins."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, Any] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise _syntax(node.start_mark.line + 1, "<< must be followed by a map")
            found = {**self.build(source, path, depth + 1), **found}
        return found

    def _scalar(self, node: Any, line: int) -> Any:
        tag = node.tag.rpartition(":")[2]
        if tag not in ("null", "bool", "int", "float"):
            return str(node.value)
        try:
            value = self._scalars.construct_object(node)
        except (KeyError, IndexError, ValueError) as error:
            raise _syntax(line, f"{str(node.value)[:40]!r} is no {tag}") from error
        if isinstance(value, float) and not math.isfinite(value):
            return str(node.value)
        return value
