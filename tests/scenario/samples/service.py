"""A sample running as a process of its own: started, asked over HTTP, read line by line, stopped."""

import http.client
import importlib.util
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, Any, cast

from prometheus_client.parser import text_string_to_metric_families

PATIENCE_SECONDS = 30.0
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@dataclass(frozen=True)
class Runnable:
    """How a sample is started from its sources."""

    name: str
    command: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class Reply:
    """A whole HTTP response; the names of its headers in small letters."""

    status: int
    headers: Mapping[str, str]
    body: str


class Output:
    """Collects the lines that a process writes, and wakes whoever waits for one."""

    def __init__(self, stream: IO[str]) -> None:
        self.lines: list[str] = []
        self._arrived = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reader.start()

    def wait_for(self, wanted: Callable[[str], bool]) -> str:
        """The first line, past or future, that is wanted."""
        with self._arrived:
            self._arrived.wait_for(lambda: any(map(wanted, self.lines)), PATIENCE_SECONDS)
            line = next(filter(wanted, self.lines), None)
            assert line is not None, f"never came; these did: {self.lines}"
            return line

    def whole(self) -> str:
        """Everything, once the process has closed it."""
        self._reader.join(PATIENCE_SECONDS)
        return "".join(self.lines)

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with self._arrived:
                self.lines.append(line)
                self._arrived.notify_all()


@dataclass(frozen=True)
class Service:
    """A sample that listens on loopback."""

    process: subprocess.Popen[str]
    output: Output
    errors: Output
    port: int

    def ask(self, path: str, *, method: str = "GET", accept: str = "application/json") -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, headers={"Accept": accept})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, headers, response.read().decode())
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples called `name` whose labels include `labels`."""
        families = text_string_to_metric_families(self.ask("/prometheus").body)
        samples = (sample for family in families for sample in family.samples if sample.name == name)
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def request_line(self, path: str) -> dict[str, Any]:
        """What the log says of the first request for `path`."""
        line = self.output.wait_for(lambda line: line.startswith("{") and json.loads(line)["path"] == path)
        return cast("dict[str, Any]", json.loads(line))

    def terminate(self) -> None:
        """SIGTERM, as the kubelet sends it."""
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Wait for the end."""
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def running(command: Sequence[str], *, folder: Path, **environment: str) -> Iterator[Service]:
    """Start a sample on a free port of loopback; it is gone when the block ends."""
    with launched(command, folder=folder, HOST="127.0.0.1", PORT="0", **environment) as process:
        output, errors = Output(cast("IO[str]", process.stdout)), Output(cast("IO[str]", process.stderr))
        listening = output.wait_for(lambda line: line.startswith("listening on "))
        port = int(listening.split(",")[0].rpartition(":")[2])
        yield Service(process, output, errors, port)


@contextmanager
def launched(command: Sequence[str], *, folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process with nothing in its environment but what is named; it is gone when the block ends."""
    out, err = subprocess.PIPE, subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, env=environment, text=True, stdout=out, stderr=err) as process:
        try:
            yield process
        finally:
            process.kill()


def eventually(condition: Callable[[], bool]) -> None:
    """Ask again until it holds; each asking is a request, so this does not spin."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "did not happen in time"


def load_build(name: str) -> ModuleType:
    """The build script of a sample as a module."""
    spec = importlib.util.spec_from_file_location(f"build_{name}", EXAMPLES / name / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
