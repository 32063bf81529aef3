"""What can be wrong with an answer that comes in blocks of bytes.

A fault takes the blocks of an answer and gives others. `Broken` ends the answer where the fault says so; how
is up to the proxy. Faults that know lines see whole lines and give them on one by one.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any, Literal, TypeAlias

Blocks: TypeAlias = AsyncIterator[bytes]
Fault: TypeAlias = Callable[[Blocks], Blocks]
How: TypeAlias = Literal["reset", "half", "close", "silent"]
"""reset: RST; half: FIN, and we go on reading; close: TLS ends in good order; silent: nothing more, ever."""

INITIAL_END = "k8s.io/initial-events-end"


class Broken(Exception):  # noqa: N818  it is what is done, not an error
    """End the answer here."""

    def __init__(self, how: How) -> None:
        super().__init__(how)
        self.how = how


def cut(after: int, how: How = "reset") -> Fault:
    """Break off after so many bytes, wherever that is."""

    async def apply(blocks: Blocks) -> Blocks:
        left = after
        async for block in blocks:
            if len(block) >= left:
                yield block[:left]
                raise Broken(how)
            left -= len(block)
            yield block

    return apply


def cut_in_character(how: How = "reset") -> Fault:
    """Break off after the first byte of the first character that has several."""

    async def apply(blocks: Blocks) -> Blocks:
        async for block in blocks:
            first = next((place for place, byte in enumerate(block) if byte >= 0xC0), None)
            if first is not None:
                yield block[: first + 1]
                raise Broken(how)
            yield block

    return apply


def pieces(random: Random, largest: int = 40) -> Fault:
    """The same bytes in other blocks."""

    async def apply(blocks: Blocks) -> Blocks:
        async for block in blocks:
            at = 0
            while at < len(block):
                size = random.randint(1, largest)
                yield block[at : at + size]
                at += size

    return apply


def slow(size: int = 16, seconds: float = 0.001) -> Fault:
    """A few bytes at a time."""

    async def apply(blocks: Blocks) -> Blocks:
        async for block in blocks:
            for at in range(0, len(block), size):
                yield block[at : at + size]
                await asyncio.sleep(seconds)

    return apply


def error(body: dict[str, Any], after: int = 0) -> Fault:
    """An ERROR event after so many lines; then the end, as an API server does it."""

    async def apply(blocks: Blocks) -> Blocks:
        number = 0
        if after:
            async for line in lines(blocks):
                yield line
                if (number := number + 1) >= after:
                    break
        yield event("ERROR", body)

    return apply


def bookmark_from_future(by: int = 1_000_000, *, resumed: bool, then: How | None = None) -> Fault:
    """A bookmark of a version that is yet to come, after the first state or (`resumed`) the first line."""

    async def apply(blocks: Blocks) -> Blocks:
        told = False
        async for line in lines(blocks):
            yield line
            meta = json.loads(line)["object"]["metadata"]
            # Within a first state a bookmark would say something else: that there are no first states.
            ends_the_state = INITIAL_END in (meta.get("annotations") or {})
            if not told and (ends_the_state or resumed):
                told = True
                version = str(int(meta["resourceVersion"]) + by)
                yield event("BOOKMARK", {"kind": "ConfigMap", "metadata": {"resourceVersion": version}})
                if then:
                    raise Broken(then)

    return apply


def event(kind: str, obj: dict[str, Any]) -> bytes:
    """One line of a watch."""
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


async def lines(blocks: Blocks) -> Blocks:
    """Whole lines with their ends; what is no whole line at the end is dropped."""
    held = b""
    async for block in blocks:
        *whole, held = (held + block).split(b"\n")
        for line in whole:
            yield line + b"\n"
