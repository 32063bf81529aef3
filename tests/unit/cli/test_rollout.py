"""A roll-out in each of its states: what a person is told, and when waiting is over."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok.boots.health_words import Verdict, judge, progress, words
from havok.boots.kubelet_words import last_words, probe_words
from havok.boots.observed import Observed, Pod, Workload
from havok.boots.pod_state import node_reason, pull_reason
from havok.cli.rollout import RolloutError
from havok.clock import rfc3339
from havok.crds import Boot
from havok.kube.views import Event

APPLIED = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
IMAGE = "registry/shop/pay:1.4"


def stamp(after: float) -> str:
    return rfc3339(APPLIED + timedelta(seconds=after))


def boot(*, replicas: int | None = 3, observed: int | None = 2, **status: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"image": "shop/pay", "version": "1.4"}
    spec |= {"replicas": replicas} if replicas is not None else {}
    status |= {"observedGeneration": observed} if observed is not None else {}
    return {"metadata": {"name": "pay", "namespace": "shop", "generation": 2}, "spec": spec, "status": status}


def deployment(*, image: str = IMAGE, updated: int = 3, replicas: int = 3, **status: Any) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "app", "image": image}]}}
    counts = {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": updated, **status}
    return {
        "metadata": {"name": "pay", "generation": 1},
        "spec": {"replicas": 3, "template": template},
        "status": counts,
    }


def replica_set(number: int, mark: str, **status: Any) -> dict[str, Any]:
    annotations = {"deployment.kubernetes.io/revision": str(number)}
    labels = {"pod-template-hash": mark}
    return {
        "metadata": {"name": f"pay-{mark}", "annotations": annotations, "labels": labels},
        "status": status,
    }


def pod(name: str = "x", *, mark: str = "new", ready: bool = False, **rest: Any) -> dict[str, Any]:
    conditions = rest.pop("conditions", [{"type": "PodScheduled", "status": "True"}])
    conditions = [*conditions, {"type": "Ready", "status": "True" if ready else "False"}]
    container = {"name": "app", "image": IMAGE, "ready": ready, **rest.pop("container", {"state": RUNNING})}
    probe = {"readinessProbe": {"initialDelaySeconds": rest.pop("delay", 0)}}
    return {
        "metadata": {
            "name": f"pay-{mark}-{name}", "uid": name, "creationTimestamp": stamp(0),
            "labels": {"pod-template-hash": mark}, **rest.pop("metadata", {}),
        },
        "spec": {"containers": [{"name": "app", "image": IMAGE, **probe}]},
        "status": {"phase": "Running", "conditions": conditions, "containerStatuses": [container]},
    }  # fmt: skip


RUNNING = {"running": {"startedAt": stamp(2)}}


def event(
    reason: str, message: str, *, at: float = 1, name: str = "pay-new-x", uid: str = "x"
) -> dict[str, Any]:
    about = {"kind": "Pod", "name": name, "uid": uid}
    return {"metadata": {"name": "e"}, "involvedObject": about, "reason": reason, "message": message,
            "lastTimestamp": stamp(at)}  # fmt: skip


def observe(
    *pods: dict[str, Any],
    the_boot: dict[str, Any] | None = None,
    workload: dict[str, Any] | None = None,
    sets: list[dict[str, Any]] | None = None,
    events: list[dict[str, Any]] | None = None,
    after: float = 5,
) -> Observed:
    sets = [replica_set(1, "new")] if sets is None else sets
    return Observed(
        boot=msgspec.convert(the_boot or boot(), Boot),
        workload=msgspec.convert(workload, Workload) if workload else None,
        replica_sets=tuple(msgspec.convert(sets, list[Workload])),
        pods=tuple(msgspec.convert(list(pods), list[Pod])),
        events=tuple(msgspec.convert(events or [], list[Event])),
        applied_at=APPLIED,
        now=APPLIED + timedelta(seconds=after),
    )


def said(verdict: Verdict) -> list[str]:
    return [words(note, "en") for note in verdict.notes]


def test_all_pods_ready_is_healthy() -> None:
    verdict = judge(observe(*(pod(n, ready=True) for n in "abc"), workload=deployment()))
    assert (verdict.state, verdict.ready, verdict.wanted) == ("healthy", 3, 3)


def test_two_of_three_names_the_third_and_what_it_does() -> None:
    creating = {"state": {"waiting": {"reason": "ContainerCreating"}}}
    seen = observe(
        pod("a", ready=True), pod("b", ready=True), pod("x", container=creating), workload=deployment(),
        events=[event("Pulling", 'Pulling image "registry/shop/pay:1.4"', at=2)], after=45,
    )  # fmt: skip
    verdict = judge(seen)
    assert verdict.state == "waiting"
    assert progress(verdict, "en") == "2 of 3 pods ready; pod pay-new-x: pulling image, 43 s"
    assert progress(verdict, "zh") == "3 个 Pod 中 2 个就绪；Pod pay-new-x：正在拉取镜像，43 秒"


def test_a_pulled_image_is_no_longer_being_pulled() -> None:
    creating = {"state": {"waiting": {"reason": "ContainerCreating"}}}
    seen = observe(
        pod(container=creating), workload=deployment(), after=9,
        events=[event("Pulling", "Pulling", at=2), event("Pulled", "Pulled", at=6)],
    )  # fmt: skip
    assert said(judge(seen)) == ["pod pay-new-x: being set up on its node, 9 s"]


def test_ready_pods_of_the_old_template_do_not_count() -> None:
    old = [pod(n, mark="old", ready=True) for n in "abc"]
    sets = [replica_set(1, "old"), replica_set(2, "new")]
    verdict = judge(observe(*old, pod("x"), workload=deployment(updated=1, replicas=4), sets=sets))
    assert (verdict.state, verdict.ready) == ("waiting", 0)


def test_old_pods_that_linger_are_awaited() -> None:
    pods = [pod("o", mark="old", ready=True), *(pod(n, ready=True) for n in "abc")]
    sets = [replica_set(1, "old"), replica_set(2, "new")]
    verdict = judge(observe(*pods, workload=deployment(replicas=4), sets=sets))
    assert verdict.state == "waiting"
    assert said(verdict) == ["old pods still running: 1"]


def test_ten_comes_after_nine_among_replica_sets() -> None:
    sets = [replica_set(10, "new"), replica_set(9, "old")]
    verdict = judge(observe(*(pod(n, ready=True) for n in "abc"), workload=deployment(), sets=sets))
    assert verdict.state == "healthy"


def test_a_change_that_the_operator_has_not_seen_is_awaited() -> None:
    ready = [pod(n, ready=True) for n in "abc"]
    verdict = judge(observe(*ready, the_boot=boot(observed=1), workload=deployment()))
    assert (verdict.state, said(verdict)) == (
        "waiting",
        ["waiting for the operator to take up this change, 5 s"],
    )


def test_without_an_operator_it_ends_soon_and_says_so() -> None:
    verdict = judge(observe(the_boot=boot(observed=None), after=25))
    assert verdict.state == "unhealthy"
    assert said(verdict) == ["no operator has taken it up after 25 s: none seems to be running"]


def test_an_operator_without_observed_generation_is_judged_by_the_image() -> None:
    ready = [pod(n, ready=True) for n in "abc"]
    assert judge(observe(*ready, the_boot=boot(observed=None), workload=deployment())).state == "healthy"
    stale = deployment(image="registry/shop/pay:1.3")
    assert judge(observe(*ready, the_boot=boot(observed=None), workload=stale)).state == "waiting"


def test_zero_replicas_is_healthy_at_once() -> None:
    verdict = judge(observe(the_boot=boot(replicas=0), workload=deployment(updated=0, replicas=0)))
    assert verdict.state == "healthy"
    assert said(verdict) == ["0 replicas are wanted; nothing runs"]


def test_an_image_that_does_not_exist_ends_the_wait_at_once() -> None:
    waiting = {
        "reason": "ErrImagePull",
        "message": 'failed to resolve reference "registry/shop/pay:1.4": registry/shop/pay:1.4: not found',
    }
    seen = observe(pod(container={"state": {"waiting": waiting}}), workload=deployment())
    verdict = judge(seen)
    assert verdict.state == "unhealthy"
    assert said(verdict) == [f"the image {IMAGE} does not exist"]


def test_back_off_takes_the_reason_from_the_event() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}
    failed = event("Failed", 'Failed to pull image "x": dial tcp 10.0.0.1:5000: connect: connection refused')
    early = observe(
        pod(container={"state": {"waiting": waiting}}), workload=deployment(), events=[failed], after=10
    )
    assert judge(early).state == "waiting"
    late = observe(
        pod(container={"state": {"waiting": waiting}}), workload=deployment(), events=[failed], after=31
    )
    assert judge(late).reason is not None
    assert judge(late).reason.key == "image_unreachable"  # type: ignore[union-attr]


def test_what_a_pod_of_an_earlier_roll_out_reports_may_be_out_of_date() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "not found"}
    old = pod(container={"state": {"waiting": waiting}}, metadata={"creationTimestamp": stamp(-600)})
    assert judge(observe(old, workload=deployment(), after=10)).state == "waiting"
    assert judge(observe(old, workload=deployment(), after=31)).state == "unhealthy"


def test_a_crash_loop_says_how_it_ends_and_whose_log_tells() -> None:
    container = {
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }
    verdict = judge(observe(pod(container=container), workload=deployment()))
    assert said(verdict) == ["the app of pod pay-new-x ends again and again (exit code 1; restarts: 3)"]
    assert verdict.reason is not None
    assert verdict.reason.logs_of == ("pay-new-x", "app", True)


def test_one_crash_may_be_passing() -> None:
    container = {
        "restartCount": 1,
        "state": RUNNING,
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    }
    verdict = judge(observe(pod(container=container), workload=deployment()))
    assert verdict.state == "waiting"
    assert said(verdict) == [
        "the app of pod pay-new-x ended (out of memory: its limit is too small), starting again"
    ]


def test_a_container_killed_by_its_probe_is_told_from_a_crash() -> None:
    container = {"restartCount": 1, "state": RUNNING, "lastState": {"terminated": {"exitCode": 143}}}
    happened = [
        event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503", at=3),
        event("Killing", "Container app failed liveness probe, will be restarted", at=4),
    ]
    verdict = judge(observe(pod(container=container), workload=deployment(), events=happened))
    assert said(verdict) == ["pod pay-new-x was restarted because its health check failed: HTTP 503"]


def test_a_failing_probe_is_awaited_and_suspected() -> None:
    refused = "Readiness probe failed: dial tcp 10.1.0.9:8080: connect: connection refused"
    verdict = judge(observe(pod(), workload=deployment(), events=[event("Unhealthy", refused)]))
    assert verdict.state == "waiting"
    assert verdict.suspicion is not None
    assert said(verdict) == ["pod pay-new-x: running, health check failing: connection refused, port 8080"]


def test_the_first_probe_is_announced() -> None:
    verdict = judge(observe(pod(delay=60), workload=deployment(), after=12))
    assert said(verdict) == ["pod pay-new-x: running for 10 s, first health check after 60 s"]


def test_a_pod_without_a_node_is_fatal_after_half_a_minute() -> None:
    message = "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available"
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]
    homeless = pod(conditions=conditions, container={})
    assert judge(observe(homeless, workload=deployment(), after=10)).state == "waiting"
    verdict = judge(observe(homeless, workload=deployment(), after=31))
    assert said(verdict) == ["no node can take pod pay-new-x: not enough free memory"]


def test_a_quota_that_forbids_pods_is_told() -> None:
    refusal = {
        "type": "ReplicaFailure",
        "status": "True",
        "message": 'pods "pay" is forbidden: exceeded quota',
    }
    sets = [replica_set(1, "new", conditions=[refusal])]
    verdict = judge(observe(workload=deployment(updated=0, replicas=0), sets=sets))
    assert said(verdict) == ['the quota of the namespace is used up: pods "pay" is forbidden: exceeded quota']


def test_a_missing_secret_is_told() -> None:
    waiting = {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'}
    verdict = judge(observe(pod(container={"state": {"waiting": waiting}}), workload=deployment()))
    assert said(verdict) == ['pod pay-new-x cannot start: secret "db" not found']


def test_the_operators_own_no_counts_once_it_lasts() -> None:
    degraded = {
        "type": "Degraded", "status": "True", "reason": "Conflict", "lastTransitionTime": stamp(0),
        "message": "Service pay belongs to somebody else",
    }  # fmt: skip
    the_boot = boot(conditions=[degraded])
    assert judge(observe(the_boot=the_boot, after=3)).state == "waiting"
    verdict = judge(observe(the_boot=the_boot, after=12))
    assert verdict.state == "unhealthy"
    assert "Service pay belongs to somebody else" in said(verdict)


def test_a_deadline_of_an_earlier_roll_out_does_not_count() -> None:
    def expired(at: float) -> dict[str, Any]:
        condition = {
            "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
            "message": "took too long", "lastTransitionTime": stamp(at),
        }  # fmt: skip
        return deployment(conditions=[condition])

    assert judge(observe(pod(), workload=expired(-600))).state == "waiting"
    assert judge(observe(pod(), workload=expired(3))).state == "unhealthy"


def test_the_error_reads_in_both_languages_and_carries_the_log() -> None:
    container = {
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 137, "signal": 9}},
    }
    note = judge(observe(pod(container=container), workload=deployment())).reason
    assert note is not None
    error = RolloutError("javaboot/pay", note, log=("boom",))
    assert (error.code, error.exit_code, error.context["log"]) == ("deploy.crash_loop", 7, ["boom"])
    assert error.hint == "`havok logs pay --previous` has the whole log"
    message, _ = error.in_language("zh")
    assert message == "javaboot/pay 不健康：Pod pay-new-x 的应用反复退出（被信号 9 终止，已重启 3 次）"


@pytest.mark.parametrize(
    ("message", "key"),
    [
        ("pull access denied, repository does not exist or may require authorization", "image_denied"),
        ("unexpected status code 401 Unauthorized", "image_denied"),
        ("registry.local/shop/pay:1: not found", "image_missing"),
        ("manifest unknown: manifest unknown", "image_missing"),
        ("dial tcp: lookup harbor on 10.96.0.10:53: no such host", "image_unreachable"),
        ("net/http: TLS handshake timeout", "image_unreachable"),
        ("failed to extract layer: no space left on device", "image_failed"),
    ],
)
def test_why_an_image_cannot_be_pulled(message: str, key: str) -> None:
    assert pull_reason("x:1", message).key == key


@pytest.mark.parametrize(
    ("message", "key"),
    [
        ("0/3 nodes are available: 3 Insufficient cpu.", "node.cpu"),
        ("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.", "node.selector"),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {gpu: only}.", "node.taint"),
        ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "node.gpu"),
        ("no nodes available to schedule pods", "node.none"),
        ('persistentvolumeclaim "data" not found', "node.volume"),
        ("a new reason", "node.other"),
    ],
)
def test_why_no_node_takes_a_pod(message: str, key: str) -> None:
    assert node_reason(message)[0] == key


def test_the_innermost_cause_is_kept() -> None:
    message = 'OCI runtime create failed: exec: "/no": stat /no: no such file or directory: unknown'
    assert last_words(message) == "stat /no: no such file or directory"


def test_probe_messages_are_shortened() -> None:
    timeout = 'Get "http://10.1.0.9:8080/health": context deadline exceeded (Client.Timeout exceeded)'
    assert probe_words(f"Readiness probe failed: {timeout}") == "no answer in time"


states = st.sampled_from(
    [
        {},
        {"state": RUNNING},
        {"state": {"waiting": {"reason": "ContainerCreating"}}},
        {"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}},
        {"restartCount": 4, "state": RUNNING, "lastState": {"terminated": {"exitCode": 1}}},
        {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
    ]
)
pods = st.builds(
    lambda name, mark, ready, container: pod(name, mark=mark, ready=ready, container=container),
    st.sampled_from("abcdef"), st.sampled_from(["new", "old"]), st.booleans(), states,
)  # fmt: skip


@given(
    st.lists(pods, max_size=6),
    st.integers(0, 3),
    st.sampled_from([None, 1, 2]),
    st.booleans(),
    st.integers(0, 120),
)
def test_every_state_has_a_verdict_that_can_be_said(
    found: list[dict[str, Any]], wanted: int, observed: int | None, made: bool, after: int
) -> None:
    sets = [replica_set(1, "old"), replica_set(2, "new")]
    the_boot = boot(replicas=wanted, observed=observed)
    workload = deployment(updated=wanted, replicas=wanted) if made else None
    verdict = judge(observe(*found, the_boot=the_boot, workload=workload, sets=sets, after=after))
    if verdict.state == "healthy":
        assert verdict.ready >= wanted
        assert not any(one["metadata"]["labels"]["pod-template-hash"] == "old" for one in found)
    assert (verdict.state == "unhealthy") == (verdict.reason is not None)
    for language in ("en", "zh"):
        assert "{" not in progress(verdict, language)
        if verdict.reason:
            assert all(RolloutError("javaboot/pay", verdict.reason).in_language(language))
