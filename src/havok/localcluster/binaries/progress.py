"""What getting the binaries tells while it works: frozen facts, and an estimate that learns.

The one who renders (`render`) gets every fact and decides how often to show it; nothing here writes.
The estimate starts from the table's seconds or, where this machine has built the binary before, from its own;
each binary that was really compiled corrects the rest by how fast this machine turned out to be.
"""

import enum
import time
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from havok.localcluster.binaries.table import Binary

COLD: Final = 10
"""Packages compiled from which on a build says something about this machine's speed."""


class Phase(enum.StrEnum):
    """What is being done for one binary; the texts are `binaries.phase.<value>`."""

    WAITING = "waiting"
    TOOLCHAIN = "toolchain"
    FETCHING = "fetching"
    MODULES = "modules"
    BUILDING = "building"
    VERIFYING = "verifying"
    DONE = "done"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of the work.

    `elapsed` and `remaining` are seconds for everything that was asked, `phase_elapsed` for this phase;
    `remaining` is None when there is no honest figure. `detail` is a name, a count or who is waited for.
    """

    name: str
    phase: Phase
    position: int
    count: int
    elapsed: float
    phase_elapsed: float
    remaining: float | None = None
    detail: str = ""


class Note(msgspec.Struct, frozen=True):
    """Something a person should know though the work goes on: the text `binaries.note.<key>`."""

    key: str
    values: dict[str, object]


Fact = Step | Note
Progress = Callable[[Fact], None]


def silent(fact: Fact) -> None:
    """The progress of someone who does not want to see it."""


class Timing(msgspec.Struct, frozen=True):
    """What this machine needed for one binary, and how many packages were compiled for it.

    `spent` are the seconds that an interrupted build had already put into the build cache.
    """

    seconds: float = 0.0
    packages: int = 0
    spent: float = 0.0


class Estimate:
    """Seconds that are still to come. Pure: it is told what happened."""

    def __init__(self, todo: Iterable[Binary], remembered: dict[str, Timing]) -> None:
        self._todo = {binary.name: _expected(binary, remembered) for binary in todo}
        self._expected = 0.0
        self._needed = 0.0

    @property
    def speed(self) -> float:
        """How much longer than expected this run's cold builds took; 1.0 until one is done."""
        return self._needed / self._expected if self._expected else 1.0

    def built(self, name: str, seconds: float, packages: int) -> None:
        """`name` is done; when it was compiled rather than found, the rest is corrected by its speed."""
        expected = self._todo.pop(name, 0.0)
        if packages >= COLD and expected:
            self._expected += expected
            self._needed += seconds

    def obtained(self, name: str) -> None:
        """`name` is there without a build."""
        self._todo.pop(name, None)

    def remaining(self, current: str, spent: float) -> float:
        """Seconds to the end when `current` has been building for `spent`; an overdue one adds a tenth."""
        ahead = sum(seconds for name, seconds in self._todo.items() if name != current) * self.speed
        left = self._todo.get(current, 0.0) * self.speed - spent
        return ahead + max(left, spent / 10)


class Narrator:
    """Turns what the work does into facts with the right times, for one call of `ensure`."""

    def __init__(self, progress: Progress, todo: list[Binary], remembered: dict[str, Timing]) -> None:
        self.estimate = Estimate(todo, remembered)
        self._progress = progress
        self._positions = {binary.name: index for index, binary in enumerate(todo, 1)}
        self._start = time.monotonic()
        self._entered = (("", Phase.WAITING), self._start)

    def tell(self, name: str, phase: Phase, detail: str = "", *, timed: bool = False) -> None:
        """A step of `name`. `timed`: the time left can be told, since `name` is being built."""
        now = time.monotonic()
        if self._entered[0] != (name, phase):
            self._entered = ((name, phase), now)
        spent = now - self._entered[1]
        self._progress(
            Step(
                name=name, phase=phase, position=self._positions.get(name, 0), count=len(self._positions),
                elapsed=now - self._start, phase_elapsed=spent, detail=detail,
                remaining=self.estimate.remaining(name, spent) if timed else None,
            )
        )  # fmt: skip

    def note(self, key: str, **values: object) -> None:
        """Something that a person should know."""
        self._progress(Note(key, values))


def remember(before: Timing, seconds: float, packages: int) -> Timing:
    """What to keep of a build: one that mostly found its packages in the build cache teaches nothing."""
    if packages < COLD or packages * 2 < before.packages:
        return Timing(before.seconds, before.packages)
    return Timing(round(seconds, 1), packages)


def _expected(binary: Binary, remembered: dict[str, Timing]) -> float:
    timing = remembered.get(binary.name, Timing())
    return max(1.0, (timing.seconds or binary.seconds) - timing.spent)
