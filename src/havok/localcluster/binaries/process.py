"""Programs that build: run in a group of their own, so that none outlives a cancelled command.

The output goes straight into a log file, which is complete even when we are killed.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

TICK: Final = 1.0
"""Seconds between two progress facts while a program runs."""

GRACE: Final = 5.0
"""Seconds that a cancelled program has to end before it is killed."""


class Output(msgspec.Struct, frozen=True):
    """A finished program: its exit code, and both its streams as one text."""

    code: int
    text: str


async def run(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path, tick: Callable[[], None]
) -> int:
    """Run to the end with the output in `log`; the exit code, negative for a signal.

    `tick` is called every `TICK` seconds. Cancelled: the whole process group is ended first.
    """
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=cwd, env=dict(env), stdin=asyncio.subprocess.DEVNULL,
            stdout=file, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    ended = asyncio.create_task(process.wait())
    try:
        while not (await asyncio.wait({ended}, timeout=TICK))[0]:
            tick()
        return ended.result()
    finally:
        await _end(process.pid, ended)


async def output(command: Sequence[str], *, env: Mapping[str, str], limit: float) -> Output:
    """What a short program prints. Raises OSError when it cannot start, TimeoutError after `limit` s."""
    process = await asyncio.create_subprocess_exec(
        *command, env=dict(env), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    talk = asyncio.create_task(process.communicate())
    try:
        text, _ = await asyncio.wait_for(asyncio.shield(talk), limit)
    finally:
        await _end(process.pid, talk)
    return Output(process.returncode or 0, text.decode("utf-8", errors="replace"))


async def _end(group: int, ended: "asyncio.Task[object]") -> None:
    """Make sure that nothing of the process group is left; harmless when it has ended by itself."""
    if ended.done():
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        await asyncio.wait({ended}, timeout=GRACE)
