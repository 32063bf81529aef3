"""Kubernetes amounts as exact numbers: "500m", "1Gi", 2, "1e3".

The API server rewrites amounts in its own notation, so amounts are only ever compared as numbers.
"""

import re
from decimal import Decimal

_FORM = re.compile(r"([+-]?[0-9.]+)(?:([eE][+-]?[0-9]+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def amount(quantity: str | int | float) -> Decimal | None:
    """The number meant; None when the text is no amount."""
    match = _FORM.fullmatch(str(quantity))
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    try:
        value = Decimal(number + (exponent or ""))
    except ArithmeticError:
        return None
    if suffix in _DECIMAL:
        return value.scaleb(_DECIMAL[suffix])
    if suffix in _BINARY:
        return value * Decimal(1024) ** _BINARY[suffix]
    return value


def same(one: str | int | float, other: str | int | float) -> bool:
    """Whether two notations mean one amount."""
    left, right = amount(one), amount(other)
    return str(one) == str(other) if left is None or right is None else left == right


def same_amounts(one: dict[str, str | int | float], other: dict[str, str | int | float]) -> bool:
    """Whether two maps of amounts, like limits, are equal."""
    return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)


def is_zero(quantity: str | int | float | None) -> bool:
    """Whether an amount is absent or nought; the contract treats both alike (3.6)."""
    return quantity is None or amount(quantity) == 0
