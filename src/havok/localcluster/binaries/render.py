"""Showing progress to a person, on stderr: one line that changes on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, TextIO

from havok.localcluster.binaries.progress import Fact, Note, Phase, Step
from havok.text import say

if TYPE_CHECKING:
    from rich.status import Status

INTERVAL: Final = 15.0
"""Seconds between two lines about the same thing where the output is kept (a file, CI)."""

_BRIEF: Final = frozenset({Phase.MODULES, Phase.VERIFYING})
"""Phases that get a line of their own only when they last."""


class Plain:
    """Writes whole lines: one when something new begins or is done, and one every `INTERVAL` seconds."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._last: tuple[str, Phase] | None = None
        self._written = 0.0

    def __call__(self, fact: Fact) -> None:
        if isinstance(fact, Step) and not self._is_due(fact):
            return
        self._stream.write(line(fact) + "\n")
        self._stream.flush()

    def _is_due(self, step: Step) -> bool:
        now, current = self._clock(), (step.name, step.phase)
        new = current != self._last and step.phase not in _BRIEF
        if not new and now - self._written < INTERVAL:
            return False
        self._last, self._written = current, now
        return True


class Terminal:
    """One changing line with rich; what is done stays above it. A context manager and a progress."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._status: Status | None = None

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, fact: Fact) -> None:
        from rich.markup import escape

        if isinstance(fact, Note) or fact.phase is Phase.DONE:
            self._console.print(line(fact), markup=False, soft_wrap=True)
            return
        text = escape(line(fact))
        if self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        self._status.update(text)


def line(fact: Fact) -> str:
    """One fact in the person's language."""
    if isinstance(fact, Note):
        return say(f"binaries.note.{fact.key}", **fact.values)
    counted = "counted" if fact.phase is Phase.BUILDING and fact.detail else fact.phase
    parts = [say(f"binaries.phase.{counted}", detail=fact.detail).rstrip()]
    if fact.elapsed >= 1:
        parts.append(say("binaries.progress.elapsed", time=duration(fact.elapsed)))
    if fact.remaining is not None:
        parts.append(say("binaries.progress.left", time=rough(fact.remaining)))
    place = f"[{fact.position}/{fact.count}] " if fact.position else ""
    return f"{place}{fact.name}: " + say("binaries.progress.comma").join(parts)


def duration(seconds: float) -> str:
    """`43s`, `2m05s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def rough(seconds: float) -> str:
    """An estimate no more exact than it is: tens of seconds, then whole minutes."""
    if seconds < 55:
        return f"{max(10, round(seconds / 10) * 10)}s"
    return f"{round(seconds / 60)}m"
