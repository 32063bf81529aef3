"""Where the command line reads and writes.

Standard output is for data; everything a person is told goes to standard error. Colour, animation and
questions appear only on a terminal that can show them. A `Console` is made once in `main` (or by a test) and
handed down; nothing else looks at `sys.stdout` or the environment.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TextIO

from havok.errors import UsageError
from havok.text import language, say

QUIET_REPEAT: Final = 30.0
"""Seconds after which a wait says the same thing again where there is no terminal."""


class Console:
    """The streams, the environment and the habits of one invocation."""

    def __init__(
        self,
        *,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        environ: Mapping[str, str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stdin = stdin or sys.stdin
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr
        self.environ = os.environ if environ is None else environ
        self.monotonic = monotonic
        self.verbose = False
        self.no_input = False

    @property
    def lang(self) -> str:
        """`zh` or `en`."""
        return language(self.environ)

    def say(self, key: str, /, **values: object) -> str:
        """The text `cli.<key>` in the person's language."""
        return say(f"cli.{key}", self.lang, **values)

    def data(self, text: str) -> None:
        """Write a line (or lines) of data to standard output."""
        self.stdout.write(text if text.endswith("\n") or not text else text + "\n")

    def note(self, text: str) -> None:
        """Tell the person something on standard error."""
        self.stderr.write(text + "\n")
        self.stderr.flush()

    def hint(self, key: str, /, **values: object) -> None:
        """Tell the person the text `cli.<key>`."""
        self.note(self.say(key, **values))

    def flush(self) -> None:
        """Push out buffered data; raises BrokenPipeError when the reader has gone."""
        self.stdout.flush()

    @property
    def interactive(self) -> bool:
        """Whether a person is there to answer a question."""
        return not self.no_input and self.stdin.isatty() and self.stderr.isatty()

    def animated(self, stream: TextIO) -> bool:
        """Whether `stream` is a terminal that shows colour and moving lines."""
        if self.environ.get("NO_COLOR") or self.environ.get("TERM", "") in ("dumb", ""):
            return False
        return stream.isatty()

    def paint(self, text: str, style: str, *, stream: TextIO | None = None) -> str:
        """`text` in `red`, `yellow`, `green`, `bold` or `dim` where the stream shows it."""
        if not self.animated(stream or self.stderr):
            return text
        code = {"red": "1;31", "yellow": "33", "green": "32", "bold": "1", "dim": "2"}[style]
        return f"\033[{code}m{text}\033[0m"

    def confirm(self, question: str, *, flag: str) -> bool:
        """Ask yes or no; no is the default. Raises UsageError `cli.input.needed` where nobody can answer."""
        if not self.interactive:
            raise UsageError(
                "cli.input.needed",
                f"this needs an answer and nobody can be asked here: {question}",
                f"give {flag}",
                question=question, flag=flag,
            )  # fmt: skip
        self.stderr.write(f"{question} [y/N] ")
        self.stderr.flush()
        return self.stdin.readline().strip().lower() in ("y", "yes", "是", "好")

    @contextmanager
    def waiting(self) -> Iterator["StatusLine"]:
        """A line on standard error that says what is awaited, and goes away at the end."""
        line = StatusLine(self)
        try:
            yield line
        finally:
            line.clear()


class StatusLine:
    """What is awaited now: one moving line on a terminal; elsewhere a line whenever a matter changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._moving = console.animated(console.stderr)
        self._texts: dict[str, str] = {}
        self._said: dict[str, tuple[str, float]] = {}
        self._drawn = False

    def show(self, text: str, *, about: str = "") -> None:
        """Say `text`, in the place of what was last said about the same thing.

        Off a terminal, texts that differ only in their numbers of seconds are one matter.
        """
        self._texts[about] = text
        if self._moving:
            self._draw("  ".join(self._texts.values()))
            return
        matter = re.sub(r"\d+\s?(s|m|秒|分)", "", text)
        now = self._console.monotonic()
        before, said_at = self._said.get(about, ("", 0.0))
        if matter != before or now - said_at >= QUIET_REPEAT:
            self._said[about] = matter, now
            self._console.note(text)

    def drop(self, about: str) -> None:
        """Nothing is awaited any more of this."""
        self._texts.pop(about, None)

    def clear(self) -> None:
        """Remove the moving line; what follows starts on a clean one."""
        if self._drawn:
            self._console.stderr.write("\r\033[K")
            self._console.stderr.flush()
            self._drawn = False

    def _draw(self, text: str) -> None:
        line = fit(text, terminal_width(self._console.stderr) - 1)
        self._console.stderr.write("\r\033[K" + line)
        self._console.stderr.flush()
        self._drawn = True


def fit(text: str, width: int) -> str:
    """`text` in at most `width` columns; what is too long loses its middle: the end says what happens."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    head = set_cell_size(text, width // 3).rstrip()
    tail = text
    while cell_len(tail) > width - cell_len(head) - 1:
        tail = tail[1:]
    return f"{head}…{tail}"


def terminal_width(stream: TextIO) -> int:
    """Columns of the terminal behind `stream`; 80 where there is none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
