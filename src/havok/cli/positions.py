"""Where in a YAML text each field stands, so that an error can name the line.

Beside `havok.codec` because that decodes to plain values, which have no place. Reads the same dialect.
"""

from collections.abc import Iterator
from typing import Any

import yaml

Path = tuple[str | int, ...]


def lines(text: str) -> list[dict[Path, int]]:
    """For each document of a valid YAML stream, empty ones left out: path of a field → line, from 1."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents: list[Any] = list(yaml.compose_all(text, Loader=loader))
    return [dict(_walk(node, ())) for node in documents if node is not None and not _is_null(node)]


def _is_null(node: Any) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _walk(node: Any, path: Path) -> Iterator[tuple[Path, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            yield from _walk(value, inner)
            yield inner, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _walk(value, (*path, index))
