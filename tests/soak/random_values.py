"""Single values, right and wrong, that Boots and configs are made of."""

from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")


def pick(chance: Random, values: Sequence[T]) -> T:
    """One of them."""
    return chance.choice(values)


def some(chance: Random, values: Sequence[T]) -> list[T]:
    """A few of them, each once, in any order."""
    return chance.sample(values, chance.randint(0, min(3, len(values))))


def text(chance: Random) -> str:
    """Any short text that JSON can carry."""
    letters = "abcXYZ019-_./:${} \t\n\"'\\<&>é日本😀"
    return "".join(chance.choices(letters, k=chance.randint(0, 8)))


def label(chance: Random) -> str:
    """A legal value of a label."""
    return chance.choice(["", "x", "a.b_c-D9", "x" * 63])


def path(chance: Random) -> str:
    """A part of a path."""
    return chance.choice(["data", "a b", "日本", "..x", "log"])


def amount(chance: Random) -> Any:
    """A legal amount of CPU or memory, whichever way it is written."""
    return chance.choice(
        ["1", "500m", 1, 2, "1Gi", "512Mi", "0", 0, "2000m", "1e3", "0.5", 1.5, "2k", "64Mi"]
    )


def wild(chance: Random) -> Any:
    """Anything."""
    return chance.choice([
        None, True, False, 0, -1, 2**31, 2**63, 1e300, 0.1, "", "x" * 300, [], {}, [[]], {"a": {"b": [1]}},
        [None], ["a", 1], {"": ""}, "${APP}", "\u0000", text(chance), [text(chance)], {text(chance): 1},
    ])  # fmt: skip
