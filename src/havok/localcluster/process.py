"""Processes with an identity that survives us: start, adopt, find, end.

A process is known by (pid, start time): a recycled pid is never mistaken for ours. Identities lie in the run
folder, so a supervisor that was killed and started again adopts what still runs instead of starting a twin.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from havok.localcluster.layout import MARK


class Identity(msgspec.Struct, frozen=True):
    """One process of one boot. `started` is in clock ticks since boot (proc(5), stat field 22)."""

    pid: int
    started: int
    command: str = ""

    @property
    def alive(self) -> bool:
        """Whether this very process runs still; a zombie does not."""
        found = _stat(self.pid)
        return found is not None and found[1] == self.started and found[0] not in "ZX"

    @property
    def age(self) -> float:
        """Seconds since it started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / os.sysconf("SC_CLK_TCK")


def identity(pid: int, command: str = "") -> Identity | None:
    """The identity of a running process, None when it is gone."""
    found = _stat(pid)
    return Identity(pid, found[1], command) if found else None


def _stat(pid: int) -> tuple[str, int] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[19])


def save(file: Path, known: Identity) -> None:
    """Write an identity so that a reader never sees half of it."""
    scratch = file.with_suffix(".new")
    scratch.write_bytes(msgspec.json.encode(known))
    scratch.replace(file)


def load(file: Path) -> Identity | None:
    """The identity in a file; None when there is none or the file is damaged."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Identity)
    except (OSError, msgspec.MsgspecError):
        return None


def spawn(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str], new_session: bool = True
) -> "subprocess.Popen[bytes]":
    """Start a command with its output appended to `log` and no standard input."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=new_session,
            cwd="/",
            preexec_fn=_unblock_signals,
        )


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def marked(mark: str) -> Iterator[int]:
    """Pids of every process whose environment carries this cluster's mark, ourselves left out."""
    wanted = f"{MARK}={mark}".encode()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in Path(f"/proc/{entry.name}/environ").read_bytes().split(b"\0"):
                yield int(entry.name)


def end(known: Identity, *, patience: float) -> bool:
    """SIGTERM, then SIGKILL after `patience` seconds. True when it went within the patience."""
    if not known.alive:
        return True
    try:
        handle = os.pidfd_open(known.pid)
    except ProcessLookupError:
        return True
    try:
        for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if wait_gone(known, wait):
                return number is signal.SIGTERM
    finally:
        os.close(handle)
    return False


def end_all(known: Sequence[Identity], *, patience: float) -> None:
    """SIGTERM to all at once, then SIGKILL to those that are left after `patience` seconds."""
    for each in known:
        _signal(each, signal.SIGTERM)
    deadline = time.monotonic() + patience
    for each in known:
        if not wait_gone(each, max(0.0, deadline - time.monotonic())):
            end(each, patience=0.0)


def _signal(known: Identity, number: signal.Signals) -> None:
    """A signal to this very process: the pid is held while we look whether it is still the one we know."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(known.pid)
        try:
            if known.alive:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def wait_gone(known: Identity, seconds: float) -> bool:
    """Whether the process ends within `seconds`."""
    deadline = time.monotonic() + seconds
    while known.alive:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def children(pid: int) -> list[int]:
    """Pids of the direct children of a process."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
