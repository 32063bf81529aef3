"""Forwarders that run on their own: start, list, end; each has a run file.

A run file names the process by id and by the moment it began, so that a reused process id is never taken for
ours. A forwarder to a local cluster carries HVK_CLUSTER in its environment, by which `havok down` ends it.
Files of processes that have gone are removed when met.
"""

import contextlib
import hashlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from havok.codec import decode_json, encode_json
from havok.errors import HavokError

PATIENCE: Final = 15.0
"""Seconds a new forwarder has to answer with its address."""
GRACE: Final = 3.0
"""Seconds a forwarder has to end before it is killed."""
CLUSTER_VARIABLE: Final = "HVK_CLUSTER"


class Key(msgspec.Struct, frozen=True):
    """What a forwarder leads to."""

    context: str
    namespace: str
    name: str

    @property
    def file(self) -> str:
        """The name of its run file."""
        mark = hashlib.sha256(f"{self.context}\n{self.namespace}\n{self.name}".encode()).hexdigest()[:12]
        return f"{self.name}-{mark}.json"


class Running(msgspec.Struct, frozen=True):
    """A forwarder with its process."""

    key: Key
    pid: int
    began: str
    address: str

    @property
    def port(self) -> int:
        """The port on this machine."""
        return int(self.address.split("/")[2].rpartition(":")[2])


def folder(environ: Mapping[str, str]) -> Path:
    """Where the run files are: `$XDG_STATE_HOME/havok/open`, else `~/.local/state/havok/open`."""
    home = Path(environ.get("HOME") or Path.home())
    state = environ.get("XDG_STATE_HOME") or str(home / ".local" / "state")
    return Path(state) / "havok" / "open"


def running(where: Path) -> list[Running]:
    """Every forwarder that runs, by namespace and name."""
    found: list[Running] = []
    for file in where.glob("*.json") if where.is_dir() else ():
        try:
            one = decode_json(file.read_bytes(), Running)
        except (OSError, HavokError):
            continue
        if began(one.pid) == one.began:
            found.append(one)
        else:
            file.unlink(missing_ok=True)
    return sorted(found, key=lambda one: (one.key.namespace, one.key.name))


def find(where: Path, key: Key) -> Running | None:
    """The forwarder of this key, if it runs."""
    return next((one for one in running(where) if one.key == key), None)


def start(where: Path, key: Key, arguments: list[str], environ: Mapping[str, str]) -> Running:
    """Start `havok <arguments>` in a session of its own; returns once it has printed its address.

    Raises HavokError `cli.open.failed` with what it wrote instead.
    """
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = where / key.file.replace(".json", ".log")
    marks = {CLUSTER_VARIABLE: cluster} if (cluster := local_cluster(key.context)) else {}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "havok.cli.main", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            env={**environ, **marks}, start_new_session=True,
        )  # fmt: skip
    assert process.stdout is not None  # noqa: S101
    with process.stdout as answers:
        address = _first_line(answers.fileno())
    if not address:
        process.kill()
        process.wait()
        said = log.read_text("utf-8", "replace").strip()
        raise HavokError(
            "cli.open.failed",
            f"the forwarder did not start: {said or 'it said nothing'}",
            f"`havok open {key.name}` in the foreground shows more",
            name=key.name, reason=said,
        )  # fmt: skip
    found = Running(key, process.pid, began(process.pid), address)
    partial = where / f".{key.file}.{process.pid}"
    partial.write_bytes(encode_json(found))
    partial.replace(where / key.file)
    process.returncode = 0  # it is meant to outlive us: no "still running" warning at our end
    return found


def stop(where: Path, one: Running) -> None:
    """End a forwarder and remove its files; nothing happens to a process that is not it."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if began(one.pid) != one.began:
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.pid, sign)
        deadline = time.monotonic() + GRACE
        while began(one.pid) == one.began and time.monotonic() < deadline:
            time.sleep(0.02)
    for suffix in (".json", ".log"):
        (where / one.key.file.replace(".json", suffix)).unlink(missing_ok=True)


def began(pid: int) -> str:
    """A mark of the moment a process began; empty when there is none, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _began_by_ps(pid)
    return "" if stat[0] in ("Z", "X") else stat[19]


def local_cluster(context: str) -> str:
    """The local cluster that a kubeconfig context belongs to: `havok` → default, `havok-b` → b."""
    if context == "havok":
        return "default"
    return context.removeprefix("havok-") if context.startswith("havok-") else ""


def _began_by_ps(pid: int) -> str:
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def _first_line(descriptor: int) -> str:
    """The first line that arrives within PATIENCE; empty when none does."""
    data = b""
    deadline = time.monotonic() + PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while b"\n" not in data:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return ""
            block = os.read(descriptor, 4096)
            if not block:
                return ""
            data += block
    return data.split(b"\n", 1)[0].decode("utf-8", "replace")
