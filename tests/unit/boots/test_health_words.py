"""Every reason that a kubelet gives for a container that waits or has ended is said with a remedy."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from havok.boots import names
from havok.boots.health_words import Health, health, in_status
from havok.boots.observed import Observed, Pod, Workload
from havok.clock import parse_rfc3339, rfc3339
from havok.crds import Boot, BootRevision
from havok.kube.views import Condition, Event, PodStatus

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


def told(
    one: Pod | None, *revisions: BootRevision, lang: str = "en", workload: Workload | None = None,
    sets: tuple[Workload, ...] = (), events: tuple[Event, ...] = (),
) -> Health | None:  # fmt: skip
    seen = Observed(
        boot=boot(), workload=workload or deployment(), replica_sets=sets, pods=(one,) if one else (),
        events=events, applied_at=NOW - timedelta(minutes=2), now=NOW, revisions=revisions,
    )  # fmt: skip
    return health(seen, lang)


def gone(reason: str, message: str = "why", **more: Any) -> Pod:
    """A pod that was ended as a whole, or never admitted."""
    return msgspec.structs.replace(
        pod(**more), status=PodStatus(
            phase="Failed", reason=reason, message=message,
            conditions=(Condition(type="PodScheduled", status="True"),),
        ),
    )  # fmt: skip


def event(reason: str, message: str, kind: str = "Pod", name: str = "x-1") -> Event:
    body = {
        "metadata": {"name": "e"}, "reason": reason, "message": message, "type": "Warning",
        "involvedObject": {"kind": kind, "name": name}, "lastTimestamp": rfc3339(NOW),
    }  # fmt: skip
    return msgspec.convert(body, Event)


def replica_set(message: str) -> Workload:
    """One whose pods the API server does not let it make."""
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    body = {
        "metadata": {"name": "x-7", "generation": 1}, "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, "conditions": [failure]},
    }  # fmt: skip
    return msgspec.convert(body, Workload)


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
        (waiting("PostStartHookError", "hook failed"), "HookFailed", "hook failed"),
        (ended("Error", 1), "CrashLoop", "exit code 1"),
        (ended("Completed", 0), "CrashLoop", "exit code 0"),
        (ended("OOMKilled", 137), "CrashLoop", "out of memory"),
        (ended("ContainerStatusUnknown", 137), "CrashLoop", "killed by signal 9"),
        (ended("StartError", 128, message="exec: bad"), "CannotStart", "bad"),
        (ended("ContainerCannotRun", 127, message="exec: gone"), "CannotStart", "gone"),
        (ended("Error", 126), "CrashLoop", "exit code 126: its command cannot be executed"),
        (ended("Error", 127), "CrashLoop", "exit code 127: its command was not found"),
        (ended("Error", 137), "CrashLoop", "killed by signal 9"),
        (ended("Error", 139), "CrashLoop", "killed by signal 11"),
        (ended("Error", 143), "CrashLoop", "killed by signal 15"),
        (pod(state={"terminated": {"reason": "Error", "exitCode": 2}}), "Crashed", "exit code 2"),
        *[
            (gone(reason), word, "why")
            for reason, word in (
                ("Evicted", "Evicted"),
                ("NodeLost", "NodeGone"),
                ("NodeShutdown", "NodeGone"),
                ("Shutdown", "NodeGone"),
                ("Terminated", "NodeGone"),
                ("Preempting", "Preempted"),
                ("Preempted", "Preempted"),
                ("DeadlineExceeded", "Deadline"),
                ("OutOfcpu", "NodeFull"),
                ("OutOfmemory", "NodeFull"),
                ("OutOfpods", "NodeFull"),
                ("OutOfephemeral-storage", "NodeFull"),
                ("OutOfnvidia.com/gpu", "NodeFull"),
                ("UnexpectedAdmissionError", "NodeRefused"),
                ("TopologyAffinityError", "NodeRefused"),
                ("NodeAffinity", "NodeRefused"),
                ("NodeName", "NodeRefused"),
                ("NodePorts", "NodeRefused"),
                ("TaintToleration", "NodeRefused"),
                ("PodOSSelectorNodeLabelDoesNotMatch", "NodeRefused"),
                ("PodOSNotSupported", "NodeRefused"),
                ("PodFeatureUnsupported", "NodeRefused"),
                ("InitContainerRestartForbidden", "NodeRefused"),
                ("SysctlForbidden", "NodeRefused"),
                ("AppArmor", "NodeRefused"),
                ("UnknownReason", "NodeRefused"),
                ("", "PodFailed"),
            )
        ],
    ],
)
def test_each_reason_of_a_kubelet_has_words_and_a_remedy(one: Pod, reason: str, words: str) -> None:
    found = told(one)
    assert found is not None
    assert found.reason == reason
    assert words in found.sentence
    assert found.remedy
    assert_chinese(told(one, lang="zh"))
    back = told(one, revision(7, "Complete"), revision(8, "Running"))
    assert back is not None
    assert back.remedy == "last good revision is 7: havok rollback x 7"


def assert_chinese(found: Health | None) -> None:
    assert found is not None
    assert re.search(r"[\u3400-\u9fff]", found.sentence), found.sentence
    assert re.search(r"[\u3400-\u9fff]", found.remedy), found.remedy


FORBIDDEN = [
    ('pods "x-7-a" is forbidden: exceeded quota: q, requested: cpu=2, used: cpu=0', "Quota"),
    ('pods "x-7-a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot', "PodSecurity"),
    ('pods "x-7-a" is forbidden: no PriorityClass with name high was found', "NoPriorityClass"),
    ('error looking up service account shop/robot: serviceaccount "robot" not found', "NoServiceAccount"),
    ('pods "x-7-a" is forbidden: maximum cpu usage per Container is 1, but limit is 2', "LimitRange"),
    ('pods "x-7-a" is forbidden: memory max limit to request ratio per Pod is 2', "LimitRange"),
    ('admission webhook "policy.example" denied the request: no', "PodsDenied"),
    ("etcdserver: request is too large", "Refused"),
]


@pytest.mark.parametrize(("message", "reason"), FORBIDDEN, ids=[reason for _, reason in FORBIDDEN])
def test_pods_that_are_never_made_have_words(message: str, reason: str) -> None:
    stateful = event("FailedCreate", f"create Pod x-0 in StatefulSet x failed error: {message}",
                     kind="StatefulSet", name="x")  # fmt: skip
    none = msgspec.convert({"metadata": {"name": "x", "generation": 1}, "spec": {"replicas": 1},
                            "status": {"observedGeneration": 1}}, Workload)  # fmt: skip
    for lang in ("en", "zh"):
        found = told(None, workload=none, sets=(replica_set(message),), lang=lang)
        assert found is not None
        assert found.reason == reason
        assert message in found.sentence
        assert found.remedy
        again = told(None, workload=none, events=(stateful,), lang=lang)
        assert again is not None
        assert again.reason == reason
    assert_chinese(told(None, workload=none, events=(stateful,), lang="zh"))


@pytest.mark.parametrize(
    ("one", "warning", "reason", "words"),
    [
        (waiting("ContainerCreating"), ("FailedMount", 'MountVolume failed: secret "s" not found'),
         "Volume", 'secret "s" not found'),
        (waiting("ContainerCreating"), ("FailedAttachVolume", "Multi-Attach error: in use"),
         "Volume", "in use"),
        (waiting("ContainerCreating"), ("FailedCreatePodSandBox", "cni: no network"),
         "Sandbox", "no network"),
        (pod(state={"running": {"startedAt": MADE}}),
         ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500"),
         "ProbeFailing", "HTTP 500"),
        (ended("Error", 143), ("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 404"),
         "KilledByProbe", "HTTP 404"),
        (ended("Error", 137), ("Unhealthy", "Startup probe failed: no answer"), "KilledByProbe", "no answer"),
        (ended("Error", 1), ("Unhealthy", "Startup probe failed: no answer"), "CrashLoop", "exit code 1"),
        (ended("OOMKilled", 137), ("Unhealthy", "Liveness probe failed: late"), "CrashLoop", "out of memory"),
        (ended("Error", 137), ("FailedPostStartHook", "failed - error: command 'x' exited with 1: , message"),
         "HookFailed", "`x` exited with 1"),
    ],
)  # fmt: skip
def test_what_only_events_tell_is_told(one: Pod, warning: tuple[str, str], reason: str, words: str) -> None:
    found = told(one, events=(event(*warning),))
    assert found is not None
    assert found.reason == reason
    assert words in found.sentence
    assert_chinese(told(one, events=(event(*warning),), lang="zh"))
    assert in_status(boot(), deployment(), [one], [], NOW, events=[event(*warning)]) == found


@pytest.mark.parametrize(("minutes", "told"), [(2, True), (20, False)])
def test_the_end_of_a_pod_is_told_for_a_while_until_its_successor_is_ready(minutes: int, told: bool) -> None:
    made = parse_rfc3339(MADE)
    seen = Observed(
        boot=boot(), workload=deployment(), replica_sets=(), events=(), applied_at=made,
        pods=(gone("Evicted"), waiting("ContainerCreating")), now=made + timedelta(minutes=minutes),
    )  # fmt: skip
    found = health(seen)
    assert (found.reason if found else "") == ("Evicted" if told else "")


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
