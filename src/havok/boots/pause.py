"""Pausing: while it holds, the operator leaves the workload and the Services of the Boot as they are."""

from datetime import datetime

import msgspec

from havok.boots import names
from havok.clock import parse_rfc3339
from havok.crds import Boot


class Pause(msgspec.Struct, frozen=True):
    """A pause that holds; `seconds` until it ends, None: until the annotation is taken away."""

    words: str
    seconds: float | None = None


def pause_of(boot: Boot, now: datetime) -> Pause | None:
    """The Boot's pause at this moment. What is neither a time nor false holds without end."""
    text = boot.metadata.annotation(names.PAUSED).strip()
    if not text or text.lower() == "false":
        return None
    way = f"`havok resume {boot.metadata.name}`, or take the annotation {names.PAUSED} away, to go on"
    try:
        until = parse_rfc3339(text)
    except ValueError:
        return Pause(f"changes wait; {way}")
    if until.tzinfo is None:
        return Pause(f"changes wait; {way}")
    left = (until - now).total_seconds()
    return Pause(f"changes wait until {text}; {way}", left) if left > 0 else None
