"""What differs between two objects, field by field, in words that people read. Pure.

Entries of a list that have names are matched by name, so an inserted entry is one line.
"""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from havok.codec import Json, encode_json


class Difference(msgspec.Struct, frozen=True):
    """One field: its path, and what it was and is; `sign` is + added, - removed, ~ changed."""

    sign: Literal["+", "-", "~"]
    path: str
    before: Any = None
    after: Any = None

    @property
    def line(self) -> str:
        """`~ spec.version: 1.0 → 1.1`"""
        if self.sign == "~":
            return f"~ {self.path}: {_word(self.before)} → {_word(self.after)}"
        return f"{self.sign} {self.path}: {_word(self.after if self.sign == '+' else self.before)}"


def differences(before: Json, after: Json, at: str = "") -> list[Difference]:
    """Every field that differs, in the order of the fields' names."""
    return [*_walk(before, after, at)]


def _walk(before: Any, after: Any, at: str) -> Iterator[Difference]:
    if before == after:
        return
    left, right = _named(before), _named(after)
    if left is None or right is None or (not left and not right):
        yield Difference("~", at, before, after)
        return
    for key in sorted({*left, *right}):
        path = f"{at}[{key}]" if isinstance(before, list) else f"{at}.{key}".lstrip(".")
        if key not in left:
            yield Difference("+", path, after=right[key])
        elif key not in right:
            yield Difference("-", path, before=left[key])
        else:
            yield from _walk(left[key], right[key], path)


def _named(value: Any) -> dict[str, Any] | None:
    """The parts of a map, or of a list of named entries; None for anything else."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and all(isinstance(one, dict) and "name" in one for one in value):
        found = {str(one["name"]): {k: v for k, v in one.items() if k != "name"} for one in value}
        return found if len(found) == len(value) else None
    return None


def _word(value: Any) -> str:
    if isinstance(value, str) and value and value.isprintable():
        return value
    return encode_json(value).decode()
