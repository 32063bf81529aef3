"""Keeps a set of components running: the same loop on the host and, as process 1, inside a node.

Every component is watched through a pidfd, so an adopted process is watched as well as a child. One that
exits is started again after a pause that doubles from 0.2 s to 10 s and is forgotten after 30 s of health.
A component starts when those it needs have been ready once. What happens is written to a status file that
`havok status` reads. The loop is single-threaded and starts nothing at import.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from havok import log
from havok.errors import HavokError
from havok.localcluster import process

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
HEALTHY_AFTER = 30.0
LOG_LIMIT = 64 << 20


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """What to run and when it counts as ready.

    It starts when every component in `needs` has been ready once and `gate` holds. `started` is called with
    the new pid before anything else happens. `patience`: seconds between SIGTERM and SIGKILL; `signalled`
    turns our pid into the one that gets the SIGTERM, for a wrapper that does not pass signals on.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    gate: Callable[[], bool] | None = None
    ready: Callable[[], bool] | None = None
    started: Callable[[int], None] | None = None
    patience: float = 10.0
    signalled: Callable[[int], int] | None = None


class ComponentState(msgspec.Struct):
    """What the status file says of a component. Times are seconds since the epoch."""

    name: str
    state: str = "waiting"
    pid: int = 0
    restarts: int = 0
    since: float = 0.0
    last_exit: str = ""


class _Running:
    def __init__(self, component: Component) -> None:
        self.component = component
        self.state = ComponentState(component.name, since=time.time())
        self.identity: process.Identity | None = None
        self.child: subprocess.Popen[bytes] | None = None
        self.pidfd = -1
        self.pause = FIRST_PAUSE
        self.start_at = 0.0
        self.started_at = 0.0
        self.was_ready = False


class Supervisor:
    """Runs components until it is told to stop by SIGTERM or SIGINT.

    With a `plan`, SIGHUP asks it anew what to run: what is new or has another command starts, what is no
    longer there ends, the others are not touched.
    """

    def __init__(
        self,
        components: Sequence[Component],
        *,
        run: Path,
        status: Path,
        environment: Mapping[str, str],
        plan: Callable[[], Sequence[Component]] | None = None,
    ) -> None:
        self._plan = plan
        self._plan_changed = plan is not None  # it may have, before we listened for the signal
        self._running = {component.name: _Running(component) for component in components}
        self._run = run
        self._status = status
        self._environment = environment
        self._poll = select.poll()
        self._by_fd: dict[int, _Running] = {}
        self._stopping = False
        self._written = b""
        self._log = log.get_logger("localcluster.supervise")

    def run(self) -> None:
        """Start everything, keep it running, end it in reverse order when told to stop."""
        wake, _wake_writer = self._listen_for_signals()
        self._poll.register(wake, select.POLLIN)
        self._run.mkdir(parents=True, exist_ok=True)
        while not self._stopping:
            if self._plan_changed:
                self._replan()
            self._advance()
            self._write_status()
            for fd, _ in self._poll.poll(self._patience_ms()):
                if fd == wake.fileno():
                    wake.recv(64)
                elif fd in self._by_fd:
                    self._exited(self._by_fd[fd])
            self._reap()
        self._end_all()

    def _listen_for_signals(self) -> tuple[socket.socket, socket.socket]:
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

        def stop(number: int, frame: object) -> None:
            self._stopping = True

        def replan(number: int, frame: object) -> None:
            self._plan_changed = True

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGHUP, replan if self._plan else signal.SIG_IGN)
        return reader, writer

    def _patience_ms(self) -> int:
        unsettled = any(item.state.state != "running" for item in self._running.values())
        return 50 if unsettled else 1000

    def _advance(self) -> None:
        now = time.monotonic()
        for item in self._running.values():
            if item.identity is None:
                if now >= item.start_at and self._may_start(item.component):
                    self._start(item)
            elif item.state.state == "starting":
                if item.component.ready is None or item.component.ready():
                    item.was_ready = True
                    self._enter(item, "running")
            elif now - item.started_at > HEALTHY_AFTER:
                item.pause = FIRST_PAUSE

    def _may_start(self, component: Component) -> bool:
        if not all(self._running[name].was_ready for name in component.needs):
            return False
        return component.gate is None or component.gate()

    def _start(self, item: _Running) -> None:
        component = item.component
        known = process.load(self._file(item))
        key = "\0".join(component.command)
        if known is not None and known.alive:
            if known.command == key:
                self._watch(item, known)
                self._log.info("component adopted", component=component.name, pid=known.pid)
                return
            process.end(known, patience=component.patience)
        _cut(component.log)
        try:
            item.child = process.spawn(
                component.command,
                log=component.log,
                environment={**self._environment, **component.environment},
            )
        except OSError as error:
            self._fail(item, str(error))
            return
        started = process.identity(item.child.pid, key)
        if started is None:
            self._fail(item, "ended at once")
            return
        process.save(self._file(item), started)
        self._watch(item, started)
        if component.started is not None:
            try:
                component.started(started.pid)
            except Exception as error:
                self._log.error("component could not be wired", component=component.name, error=str(error))
                process.end(started, patience=0.0)

    def _watch(self, item: _Running, known: process.Identity) -> None:
        try:
            item.pidfd = os.pidfd_open(known.pid)
        except ProcessLookupError:
            self._fail(item, "ended at once")
            return
        item.identity = known
        item.started_at = time.monotonic()
        self._by_fd[item.pidfd] = item
        self._poll.register(item.pidfd, select.POLLIN)
        item.state.pid = known.pid
        self._enter(item, "starting")

    def _replan(self) -> None:
        self._plan_changed = False
        try:
            wanted = {component.name: component for component in self._plan()} if self._plan else {}
        except HavokError as error:
            self._log.error("plan not read", error=error.message)
            return
        for name, item in list(self._running.items()):
            if name not in wanted or wanted[name].command != item.component.command:
                del self._running[name]
                self._unwatch(item)
                self._end(item)
        self._running = {
            name: self._running.get(name) or _Running(component) for name, component in wanted.items()
        }

    def _exited(self, item: _Running) -> None:
        code = item.child.poll() if item.child else None
        self._unwatch(item)
        self._fail(item, _exit_words(code))

    def _unwatch(self, item: _Running) -> None:
        if item.pidfd >= 0:
            self._poll.unregister(item.pidfd)
            del self._by_fd[item.pidfd]
            os.close(item.pidfd)
            item.pidfd = -1

    def _fail(self, item: _Running, why: str) -> None:
        item.identity, item.child, item.pidfd = None, None, -1
        item.start_at = time.monotonic() + item.pause
        item.pause = min(item.pause * 2, LONGEST_PAUSE)
        item.state.restarts += 1
        item.state.pid = 0
        item.state.last_exit = why
        self._enter(item, "restarting")
        self._log.warning("component ended", component=item.component.name, why=why)

    def _enter(self, item: _Running, state: str) -> None:
        item.state.state = state
        item.state.since = time.time()

    def _reap(self) -> None:
        """As process 1 of a node we inherit orphans; a zombie would keep its name forever."""
        if os.getpid() != 1:
            return
        ours = {item.child.pid for item in self._running.values() if item.child}
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None or found.si_pid in ours:
                return
            with contextlib.suppress(ChildProcessError):
                os.waitpid(found.si_pid, os.WNOHANG)

    def _write_status(self) -> None:
        data = msgspec.json.encode([item.state for item in self._running.values()])
        if data != self._written:
            scratch = self._status.with_suffix(".new")
            with contextlib.suppress(OSError):
                scratch.write_bytes(data)
                scratch.replace(self._status)
                self._written = data

    def _end_all(self) -> None:
        for item in reversed(self._running.values()):
            self._end(item)

    def _end(self, item: _Running) -> None:
        if item.identity is not None:
            self._log.info("component stopping", component=item.component.name)
            self._ask(item)
            process.end(item.identity, patience=item.component.patience)
            if item.child is not None:
                item.child.poll()
        with contextlib.suppress(OSError):
            self._file(item).unlink()

    def _ask(self, item: _Running) -> None:
        if item.component.signalled is not None and item.identity is not None:
            with contextlib.suppress(OSError, TimeoutError):
                os.kill(item.component.signalled(item.identity.pid), signal.SIGTERM)

    def _file(self, item: _Running) -> Path:
        return self._run / f"{item.component.name}.json"


def read_status(file: Path) -> list[ComponentState]:
    """What a supervisor last wrote; empty when it never did."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[ComponentState])
    except (OSError, msgspec.MsgspecError):
        return []


def _exit_words(code: int | None) -> str:
    if code is None:
        return "ended"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _cut(file: Path) -> None:
    """Keep one old log; components append, so the size is checked whenever one starts."""
    with contextlib.suppress(OSError):
        if file.stat().st_size > LOG_LIMIT:
            file.replace(file.with_suffix(".log.1"))
