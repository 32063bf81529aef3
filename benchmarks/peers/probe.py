"""What every subject of benchmarks/kube.py reports about itself, as JSON lines on standard output.

Knows no Kubernetes library, so that its import costs every subject the same.
"""

import gc
import hashlib
import json
import os
import resource
import sys
import time
from pathlib import Path

STARTED = time.perf_counter()
STARTED_CPU = time.process_time()


class Probe:
    """Counts events, keeps (namespace/name → resourceVersion), says when the last pod was deleted."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.versions: dict[str, str] = {}
        self.events = 0
        self.last_seen = False
        self._base = 0.0
        self._wall = self._cpu = 0.0

    def imported(self) -> None:
        """The library is there, nothing was asked yet."""
        self._base = resident()
        self._say(
            "imported",
            wall=time.perf_counter() - STARTED,
            cpu=time.process_time() - STARTED_CPU,
            resident=self._base,
        )
        self._start()

    def synced(self) -> None:
        """The whole state is known."""
        wall, cpu = time.perf_counter() - self._wall, cpu_seconds() - self._cpu
        gc.collect()
        grown = resident() - self._base
        self._say("synced", wall=wall, cpu=cpu, grown=grown, peak=peak(), objects=len(self.versions))
        self._start()

    def put(self, namespace: str, name: str, version: str) -> None:
        """An object is new or changed."""
        self.events += 1
        self.versions[f"{namespace}/{name}"] = version

    def drop(self, namespace: str, name: str) -> None:
        """An object is gone; the one called `last` ends the run."""
        self.events += 1
        self.versions.pop(f"{namespace}/{name}", None)
        self.last_seen = self.last_seen or name == "last"

    def begin_events(self) -> None:
        """From here on events are changes."""
        self.events = 0

    def finished(self) -> None:
        """The last change came."""
        wall, cpu = time.perf_counter() - self._wall, cpu_seconds() - self._cpu
        text = "\n".join(sorted(f"{key}={version}" for key, version in self.versions.items()))
        digest = hashlib.sha256(text.encode()).hexdigest()
        self._say(
            "watched", wall=wall, cpu=cpu, events=self.events, digest=digest, grown=resident() - self._base
        )

    def _start(self) -> None:
        self._wall, self._cpu = time.perf_counter(), cpu_seconds()

    def _say(self, phase: str, **figures: object) -> None:
        print(json.dumps({"phase": phase, **figures}), flush=True)


def expected() -> int:
    """How many pods there are: the second argument."""
    return int(sys.argv[2])


def kubeconfig() -> str:
    """The file that names the server: the first argument."""
    return sys.argv[1]


def resident() -> float:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak() -> float:
    """Most bytes that this process ever had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def cpu_seconds() -> float:
    """Seconds that all threads of this process worked."""
    return time.process_time()
