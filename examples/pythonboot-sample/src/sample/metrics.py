"""Counts what happens and tells it in the Prometheus text format. Labels come from a bounded set only."""

import gc
import platform
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from sample import machine
from sample.app import App

BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
METHODS = ("GET", "HEAD", "POST")


@dataclass
class Latency:
    """The histogram of one path; bucket i counts what took no longer than BOUNDS[i] seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * len(BOUNDS))
    count: int = 0
    total: float = 0.0


class Metrics:
    """Safe to use from every thread."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._totals: Counter[str] = Counter()
        self._latencies: dict[str, Latency] = {}

    def record(self, method: str, path: str, status: int, seconds: float) -> None:
        """One request was answered."""
        method = method if method in METHODS else "other"
        with self._lock:
            self._totals[f'method="{method}",path="{path}",status="{status}"'] += 1
            latency = self._latencies.setdefault(path, Latency())
            latency.count += 1
            latency.total += seconds
            for index, bound in enumerate(BOUNDS):
                latency.buckets[index] += seconds <= bound

    def text(self, in_flight: int) -> str:
        """The page that Prometheus scrapes."""
        with self._lock:
            requests = [*self._describe_requests()]
        return "\n".join([*self._describe_app(), *requests, *describe_process(in_flight)]) + "\n"

    def _describe_app(self) -> Iterator[str]:
        runtime = f"Python {platform.python_version()}"
        yield from head("app_info", "gauge", "What is running; always 1.")
        name, version = escape(self._app.name), escape(self._app.version)
        yield f'app_info{{app="{name}",version="{version}",runtime="{runtime}"}} 1'

    def _describe_requests(self) -> Iterator[str]:
        yield from head("http_requests_total", "counter", "Requests answered.")
        for labels, count in sorted(self._totals.items()):
            yield f"http_requests_total{{{labels}}} {count}"
        name = "http_request_duration_seconds"
        yield from head(name, "histogram", "Time from the first line to the last byte.")
        for path, latency in sorted(self._latencies.items()):
            for bound, count in zip(BOUNDS, latency.buckets, strict=True):
                yield f'{name}_bucket{{path="{path}",le="{bound}"}} {count}'
            yield f'{name}_bucket{{path="{path}",le="+Inf"}} {latency.count}'
            yield f'{name}_sum{{path="{path}"}} {latency.total}'
            yield f'{name}_count{{path="{path}"}} {latency.count}'


def describe_process(in_flight: int) -> Iterator[str]:
    """Everything that is read at the moment of asking."""
    yield from single("http_requests_in_flight", "gauge", "Requests being answered now.", in_flight)
    uptime = machine.uptime_seconds()
    yield from single("process_uptime_seconds", "gauge", "Time since the process started.", uptime)
    yield from single("process_start_time_seconds", "gauge", "Start, Unix time.", machine.started_at())
    yield from single("process_cpu_seconds_total", "counter", "CPU time used.", time.process_time())
    resident = machine.memory_resident_bytes()
    yield from single("process_resident_memory_bytes", "gauge", "Memory that the process holds.", resident)
    limit = machine.memory_limit_bytes()
    yield from single("container_memory_max_bytes", "gauge", "The most it may take.", limit)
    yield from single("python_threads_current", "gauge", "Live threads.", threading.active_count())
    yield from head("python_gc_collections_total", "counter", "Garbage collections.")
    for generation, counts in enumerate(gc.get_stats()):
        yield f'python_gc_collections_total{{generation="{generation}"}} {counts["collections"]}'


def single(name: str, kind: str, text: str, value: float) -> Iterator[str]:
    """A metric without labels."""
    yield from head(name, kind, text)
    yield f"{name} {value}"


def head(name: str, kind: str, text: str) -> Iterator[str]:
    """The two lines before the values of a metric."""
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def escape(text: str) -> str:
    """A label's value as the text format wants it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
