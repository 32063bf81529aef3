"""Metric names and labels that dashboards ask for, and the types of events (contract 4.7, 4.8)."""

import asyncio
from typing import Any, cast

import pytest
from prometheus_client import generate_latest

from havok.boots import metrics as stages
from havok.boots.metrics import BootInfo, Metrics
from havok.boots.owned import Voice
from havok.kube import KubeError
from havok.kube.events import EventRecorder
from unit.boots.apps import key


def told(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_failures_are_counted_by_stage() -> None:
    metrics = Metrics()
    with pytest.raises(ValueError), metrics.stage(key(), stages.UPDATE, "update_service"):
        raise ValueError
    metrics.took("JavaBoot", 0.01)
    assert (
        f'logan_controller_runtime_reconcile_errors_total{{boot="{key().name}",kind="JavaBoot",'
        f'namespace="{key().namespace}",stage="reconcile_update",sub_stage="update_service"}} 1.0'
        in told(metrics)
    )
    assert 'logan_controller_runtime_reconcile_time_seconds_bucket{kind="JavaBoot",le="0.01"} 1.0' in told(
        metrics
    )


def test_defect_18_the_series_of_a_boot_go_with_it() -> None:
    metrics = Metrics()
    for stage in (stages.META, stages.STATUS):
        with pytest.raises(ValueError), metrics.stage(key(), stage):
            raise ValueError
    metrics.forget(key())
    metrics.forget(key())
    assert "reconcile_errors_total{" not in told(metrics)


def test_each_boot_has_a_series() -> None:
    metrics = Metrics()
    metrics.registry.register(BootInfo(lambda: [("javaboot", "demo", "shop"), ("webboot", "demo", "site")]))
    text = generate_latest(metrics.registry).decode()
    assert 'javaboot_info{javaboot="shop",namespace="demo"} 1.0' in text
    assert 'webboot_info{namespace="demo",webboot="site"} 1.0' in text


class Recorder:
    """Remembers events."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    async def event(self, about: Any, type_: str, reason: str, message: str) -> None:
        self.told.append((type_, reason))


@pytest.mark.parametrize(
    ("verb", "what", "status", "expected"),
    [
        ("Create", "Deployment", 422, [("Warning", "FailedCreateDeployment")]),
        ("Create", "Deployment", 409, [("Normal", "FailedCreateDeployment")]),
        ("Update", "StatefulSet", 503, [("Normal", "FailedUpdateStatefulSet")]),
        ("Get", "Deployment", 403, [("Normal", "FailedGetDeployment")]),
        ("Get", "StatefulSet", 403, [("Warning", "FailedGetStatefulSet")]),
        ("Get", "Service", 403, [("Normal", "FailedGetService")]),
        ("Delete", "Service", 403, [("Warning", "FailedDeleteService")]),
        ("Update", "BootDefaulters", 422, [("Normal", "FailedUpdateBootDefaulters")]),
        ("Update", "BootMeta", 422, [("Normal", "FailedUpdateBootMeta")]),
        ("Update", "BootStatus", 422, [("Warning", "FailedUpdateBootStatus")]),
        ("Create", "HorizontalPodAutoscaler", 422, []),
    ],
)
def test_types_of_failures(verb: str, what: str, status: int, expected: list[tuple[str, str]]) -> None:
    recorder = Recorder()
    voice = Voice(cast("EventRecorder", recorder), Metrics(), key(), "uid")
    error = KubeError("kube.test", "no", "try", status=status)
    asyncio.run(voice.failed(verb, what, "shop", error))
    assert recorder.told == expected
