"""Every reason that a kubelet gives for a container that waits or has ended is said with a remedy."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from havok.boots import names
from havok.boots.health_words import Health, health, in_status
from havok.boots.observed import Observed, Pod, Workload
from havok.clock import rfc3339
from havok.crds import Boot, BootRevision

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MADE = rfc3339(NOW - timedelta(minutes=2))
IMAGE = "harbor/x:2"
MISSING = 'failed to resolve reference "harbor/x:2": harbor/x:2: not found'


def boot() -> Boot:
    body = {
        "metadata": {"name": "x", "namespace": "shop", "generation": 2, "creationTimestamp": MADE},
        "spec": {"image": "x", "version": "2", "replicas": 1},
        "status": {"observedGeneration": 2},
    }
    return msgspec.convert(body, Boot)


def pod(**container: Any) -> Pod:
    status = {"name": "app", "image": IMAGE, "ready": False, "restartCount": 0, **container}
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]
    body = {
        "metadata": {"name": "x-1", "uid": "p", "creationTimestamp": MADE},
        "spec": {"containers": [{"name": "app", "image": IMAGE}]},
        "status": {"phase": "Pending", "conditions": conditions, "containerStatuses": [status]},
    }
    return msgspec.convert(body, Pod)


def revision(number: int, phase: str) -> BootRevision:
    annotations = {names.REVISION: str(number), names.PHASE: phase}
    body = {
        "metadata": {"name": f"x-{number}", "annotations": annotations},
        "bootType": "java", "appKey": "javaBoot", "spec": {"image": "x", "version": str(number)},
    }  # fmt: skip
    return msgspec.convert(body, BootRevision)


def deployment() -> Workload:
    body = {"metadata": {"name": "x", "generation": 1}, "spec": {"replicas": 1},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}}  # fmt: skip
    return msgspec.convert(body, Workload)


def told(one: Pod, *revisions: BootRevision, lang: str = "en") -> Health | None:
    seen = Observed(
        boot=boot(), workload=deployment(), replica_sets=(), pods=(one,), events=(),
        applied_at=NOW - timedelta(minutes=2), now=NOW, revisions=revisions,
    )  # fmt: skip
    return health(seen, lang)


def waiting(reason: str, message: str = "", **more: Any) -> Pod:
    return pod(state={"waiting": {"reason": reason, "message": message}}, **more)


def ended(reason: str, code: int, restarts: int = 3, message: str = "") -> Pod:
    last = {"terminated": {"reason": reason, "exitCode": code, "message": message}}
    crash = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}
    return pod(state=crash, lastState=last, restartCount=restarts)


@pytest.mark.parametrize(
    ("one", "reason", "words"),
    [
        (waiting("ErrImagePull", MISSING), "ImageMissing", "the image harbor/x:2 does not exist"),
        (waiting("ImagePullBackOff", f"Back-off: ErrImagePull: {MISSING}"), "ImageMissing", "does not exist"),
        (waiting("ErrImagePull", "401 Unauthorized"), "ImageDenied", "asks for a log-in"),
        (waiting("RegistryUnavailable", "dial tcp: i/o timeout"), "ImageUnreachable", "cannot be reached"),
        (waiting("ErrImageNeverPull", "not present with policy Never"), "ImageFailed", "cannot be pulled"),
        (waiting("ImageInspectError", "broken store"), "ImageFailed", "broken store"),
        (waiting("SignatureValidationFailed", "no signature"), "ImageFailed", "no signature"),
        (waiting("InvalidImageName"), "ImageInvalid", "not a legal image name"),
        (waiting("CreateContainerConfigError", 'secret "db" not found'), "ConfigMissing", 'secret "db"'),
        (waiting("CreateContainerError", "no command specified"), "ConfigMissing", "no command"),
        (waiting("RunContainerError", "exec: no such file"), "CannotStart", "no such file"),
        (waiting("PreCreateHookError", "hook"), "CannotStart", "hook"),
        (waiting("PreStartHookError", "hook"), "CannotStart", "hook"),
        (waiting("PostStartHookError", "hook failed"), "CannotStart", "hook failed"),
        (ended("Error", 1), "CrashLoop", "exit code 1"),
        (ended("Completed", 0), "CrashLoop", "exit code 0"),
        (ended("OOMKilled", 137), "CrashLoop", "out of memory"),
        (ended("ContainerStatusUnknown", 137), "CrashLoop", "killed by signal 9"),
        (ended("StartError", 128, message="exec: bad"), "CannotStart", "bad"),
        (ended("ContainerCannotRun", 127, message="exec: gone"), "CannotStart", "gone"),
        (pod(state={"terminated": {"reason": "Error", "exitCode": 2}}), "Crashed", "exit code 2"),
    ],
)
def test_each_reason_of_a_kubelet_has_words_and_a_remedy(one: Pod, reason: str, words: str) -> None:
    found = told(one)
    assert found is not None
    assert found.reason == reason
    assert words in found.sentence
    assert found.remedy or reason == "Crashed"
    back = told(one, revision(7, "Complete"), revision(8, "Running"))
    assert back is not None
    assert back.remedy == "last good revision is 7: havok rollback x 7"


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_what_merely_takes_its_time_is_no_trouble(reason: str) -> None:
    assert told(waiting(reason)) is None


def test_it_speaks_chinese() -> None:
    found = told(waiting("ErrImagePull", MISSING), revision(7, "Active"), revision(8, "Running"), lang="zh")
    assert found is not None
    assert found.text == "镜像 harbor/x:2 不存在; 最近一个健康的修订是 7：havok rollback x 7"


def test_the_status_says_the_same_without_events() -> None:
    one = waiting("ErrImagePull", MISSING)
    history = [revision(7, "Complete"), revision(8, "Running")]
    found = in_status(boot(), deployment(), [one], history, NOW)
    assert found == told(one, *history)


def test_a_cancelled_revision_is_no_way_back() -> None:
    found = told(waiting("ErrImagePull", MISSING), revision(7, "Cancelled"), revision(8, "Running"))
    assert found is not None
    assert "rollback" not in found.remedy
