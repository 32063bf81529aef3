"""Numbers about the operator, under the names that existing dashboards ask for (contract 4.8).

Failures tell the namespace too, and the series of a Boot go with it, so that they do not grow for ever. The
stage `reconcile_get_boot` of the Go operator is not here: Boots are read from a cache, so that reading one
cannot fail, and a deleted one is no failure.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from havok.boots.names import BootKey

DEFAULTERS = "reconcile_update_boot_defaulters"
CREATE = "reconcile_create"
UPDATE = "reconcile_update"
META = "reconcile_update_boot_meta"
STATUS = "reconcile_update_boot_status"


class Metrics:
    """One set of metrics in a registry of its own, so that two operators in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._errors = Counter(
            "logan_controller_runtime_reconcile_errors",
            "Failures while a Boot was reconciled, by the stage they happened in.",
            ("kind", "stage", "sub_stage", "boot", "namespace"),
            registry=self.registry,
        )
        self._failed: dict[BootKey, set[tuple[str, ...]]] = {}
        self._seconds = Histogram(
            "logan_controller_runtime_reconcile_time_seconds",
            "Seconds that one reconcile of a Boot took.",
            ("kind",),
            registry=self.registry,
        )
        self.leading = Gauge(
            "havok_operator_leading", "Environments that this process leads.", registry=self.registry
        )
        self.config_broken = Gauge(
            "havok_operator_config_broken",
            "1 while the newest central config cannot be read and an older one, or none, is in use.",
            registry=self.registry,
        )
        self.config_warnings = Gauge(
            "havok_operator_config_warnings",
            "Places in the central config in force that have no effect, or not the one that was meant.",
            registry=self.registry,
        )
        self.writes = Counter(
            "havok_operator_writes", "Writes to the API server.", ("resource",), registry=self.registry
        )

    def took(self, kind: str, seconds: float) -> None:
        """One reconcile ended."""
        self._seconds.labels(kind).observe(seconds)

    @contextmanager
    def stage(self, boot: BootKey, stage: str, sub_stage: str = "") -> Iterator[None]:
        """Count a failure inside the block."""
        try:
            yield
        except Exception:
            series = (boot.kind.kind, stage, sub_stage, boot.name, boot.namespace)
            self._errors.labels(*series).inc()
            self._failed.setdefault(boot, set()).add(series)
            raise

    def forget(self, boot: BootKey) -> None:
        """A Boot is gone, and so are its series."""
        for series in self._failed.pop(boot, ()):
            self._errors.remove(*series)


class BootInfo(Collector):
    """One series for each Boot: ``javaboot_info{namespace="shop",javaboot="cart"} 1``."""

    def __init__(self, boots: Callable[[], Iterable[tuple[str, str, str]]]) -> None:
        self._boots = boots
        """Tells the singular of its kind, the namespace and the name of each Boot."""

    def collect(self) -> Iterator[Metric]:
        """Called by Prometheus' client at each scrape."""
        families: dict[str, GaugeMetricFamily] = {}
        for kind, namespace, name in self._boots():
            if kind not in families:
                words = f"A {kind} that the operator sees."
                families[kind] = GaugeMetricFamily(f"{kind}_info", words, labels=("namespace", kind))
            families[kind].add_metric((namespace, name), 1)
        yield from families.values()
