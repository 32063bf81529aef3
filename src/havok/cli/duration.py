"""Lengths of time as people write them: `90s`, `5m`, `1h30m`, or plain seconds. Pure."""

import re
from typing import Final

from havok.errors import UsageError

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """The length in seconds, above zero. Raises UsageError `cli.duration.invalid`."""
    plain = re.fullmatch(r"\d+(\.\d+)?", text)
    parts = re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text)
    if plain:
        found = float(text)
    elif parts:
        found = sum(float(n) * UNITS[unit] for n, unit in re.findall(r"(\d+(?:\.\d+)?)([smhd])", text))
    else:
        found = 0.0
    if found > 0:
        return found
    raise UsageError(
        "cli.duration.invalid",
        f"{text} is no length of time",
        "write it as 90s, 5m or 1h30m",
        text=text,
    )
