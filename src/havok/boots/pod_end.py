"""Why there is no pod, or none any more: pods that their nodes turned away or gave up, and pods never made.

Pure; used by `health_words`. The reasons of a pod are those of Kubernetes 1.37: the kubelet's admission
(pkg/kubelet/lifecycle), its eviction and shutdown, and the node lifecycle controller. What forbids pods is
told by the API server in one sentence, which a ReplicaSet keeps as a condition and a StatefulSet as an event.
"""

import re
from datetime import UTC, datetime
from typing import Final

from havok.boots.note import Note
from havok.boots.observed import Observed, Pod, Workload, seen_at
from havok.clock import parse_rfc3339

GONE: Final = frozenset({"NodeLost", "NodeShutdown", "Shutdown", "Terminated"})
"""Reasons of a pod whose node is lost or goes down."""
RECENT: Final = 600.0
"""Seconds for which the end of a pod may explain why its successor is not ready."""
_PREEMPTED: Final = frozenset({"Preempting", "Preempted", "PreemptionByScheduler"})
_FORBIDDEN: Final = (
    (r"exceeded quota", "quota"),
    (r"violates PodSecurity", "pod_security"),
    (r"no PriorityClass with name", "no_priority_class"),
    (r"service ?account.*not found", "no_service_account"),
    (r"(maximum|minimum) .* usage per|limit to request ratio", "limit_range"),
    (r"admission webhook", "pods_denied"),
)


def latest_end(pods: tuple[Pod, ...], seen: Observed) -> Pod | None:
    """The pod that failed as a whole a while ago at most, while no pod that came after it is ready.

    A successor comes within milliseconds and may fare no better: until one is ready, this is why none is.
    """
    failed = [pod for pod in pods if pod.status.phase == "Failed" and not pod.metadata.deletion_timestamp]
    latest = max(failed, key=_made, default=None)
    if latest is None or any(pod.ready and _made(pod) >= _made(latest) for pod in pods):
        return None
    return latest if seen.now.timestamp() - _ended(latest) <= RECENT else None


def note(pod: Pod) -> Note:
    """What became of a pod that its node, and not its own container, ended."""
    reason, message = pod.status.reason, pod.status.message
    values = {"pod": pod.metadata.name, "reason": reason, "message": message or reason}
    if reason == "Evicted":
        return Note("evicted", values, trouble=True)
    if reason in GONE:
        return Note("node_gone", values, trouble=True)
    if reason in _PREEMPTED:
        return Note("preempted", values, trouble=True)
    if reason == "DeadlineExceeded":
        return Note("deadline", values, trouble=True)
    if reason.startswith("OutOf"):
        return Note("node_full", {**values, "resource": reason.removeprefix("OutOf")}, trouble=True)
    if reason:
        return Note("node_refused", values, trouble=True)
    return Note("pod_failed", values, trouble=True)


def forbidden(message: str) -> Note:
    """Why the API server does not let the pods be made, from its own words."""
    for pattern, key in _FORBIDDEN:
        if re.search(pattern, message, re.I):
            return Note(key, {"message": message}, fatal=True)
    return Note("refused", {"message": message}, fatal=True)


def not_made(workload: Workload, seen: Observed) -> Note | None:
    """What a StatefulSet, which has no condition for it, tells by an event: that its pods are forbidden."""
    if workload.spec.replicas is not None and workload.status.replicas >= workload.spec.replicas:
        return None
    told = [
        event
        for event in seen.events
        if event.reason == "FailedCreate"
        and event.involved_object.kind == "StatefulSet"
        and event.involved_object.name == workload.metadata.name
    ]
    newest = max(told, key=lambda event: seen_at(event) or datetime.min.replace(tzinfo=UTC), default=None)
    return forbidden(newest.message) if newest is not None else None


def _ended(pod: Pod) -> float:
    """When a pod stopped being ready; when it was made, if it never was."""
    condition = pod.condition("Ready")
    stamp = condition.last_transition_time if condition else None
    return parse_rfc3339(stamp).timestamp() if stamp else _made(pod)


def _made(pod: Pod) -> float:
    stamp = pod.metadata.creation_timestamp
    return parse_rfc3339(stamp).timestamp() if stamp else 0.0
