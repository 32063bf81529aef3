"""Why one pod is not ready yet, in plain words. Pure; used by `health_words`.

A note is `fatal` when waiting will not help, `trouble` when it may but points at something wrong.
"""

import re
from datetime import datetime
from typing import Any, Final

import msgspec

from havok.boots import pod_end
from havok.boots.container_end import ended_note, hook_failure
from havok.boots.kubelet_words import last_words, probe_words
from havok.boots.note import Note
from havok.boots.observed import Observed, Pod, latest, order, seen_at
from havok.clock import parse_rfc3339
from havok.kube.views import ContainerStatus

NODE_PATIENCE: Final = 30.0
"""Seconds without a node after which a pod counts as unschedulable (an autoscaler may add nodes later)."""
PULL_PATIENCE: Final = 30.0
"""Seconds for which a registry that does not answer may be a passing fault."""

_PULL: Final = (
    "ErrImagePull",
    "ImagePullBackOff",
    "RegistryUnavailable",
    "ErrImageNeverPull",
    "ImageInspectError",
    "SignatureValidationFailed",
    "InvalidImageName",
)
_DENIED: Final = r"unauthorized|denied|forbidden|no basic auth|\b40[13]\b"
_MISSING: Final = r"not found|manifest unknown|name unknown|does not exist|\b404\b"
_UNREACHABLE: Final = r"no such host|connection refused|timeout|timed out|unreachable|i/o|misbehaving|eof"
_CONFIG: Final = ("CreateContainerConfigError", "CreateContainerError")
_START: Final = (
    "RunContainerError",
    "StartError",
    "PreCreateHookError",
    "PreStartHookError",
    "ContainerCannotRun",
)
_NODE_HELP: Final = frozenset({"node.selector", "node.taint", "node.volume", "node.none"})
"""What is helped otherwise than by asking for less."""
_NODE_REASONS: Final = (
    (r"nvidia\.com/gpu|amd\.com/gpu", "gpu"),
    (r"Insufficient memory", "memory"),
    (r"Insufficient cpu", "cpu"),
    (r"Too many pods", "pods"),
    (r"volume|PersistentVolumeClaim|persistentvolumeclaim", "volume"),
    (r"didn't match Pod's node affinity|node selector", "selector"),
    (r"untolerated taint", "taint"),
    (r"no nodes available|0/0 nodes", "none"),
)


def pod_note(pod: Pod, seen: Observed) -> list[Note]:
    """What this pod, which is not ready, is waiting for or failing at; at most one note."""
    if pod.status.reason in pod_end.GONE or (pod.status.phase == "Failed" and pod.status.reason):
        return [pod_end.note(pod)]
    scheduled = pod.condition("PodScheduled")
    if scheduled is None or scheduled.status != "True":
        return [_unscheduled(pod, seen, scheduled.message if scheduled else "")]
    statuses = [*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())]
    for status in statuses:
        if note := _container_note(pod, status, seen):
            return [note]
    if pod.status.phase == "Failed":
        return [pod_end.note(pod)]
    if not any(status.state.running for status in statuses):
        return [_setting_up(pod, seen)]
    return [_probing(pod, seen)]


def node_reason(message: str) -> tuple[str, str]:
    """(text key under rollout.node, the scheduler's own words) for a FailedScheduling message."""
    for pattern, key in _NODE_REASONS:
        if re.search(pattern, message):
            return f"node.{key}", message
    return "node.other", message


def pull_reason(image: str, message: str) -> Note:
    """Why an image cannot be pulled, from the container runtime's message."""
    values = {"image": image, "reason": last_words(message)}
    lower = message.lower()
    if re.search(_DENIED, lower):
        return Note("image_denied", values, trouble=True)
    if re.search(_MISSING, lower):
        return Note("image_missing", values, trouble=True)
    if re.search(_UNREACHABLE, lower):
        return Note("image_unreachable", values, trouble=True)
    return Note("image_failed", values, trouble=True)


def _unscheduled(pod: Pod, seen: Observed, message: str) -> Note:
    waited = _waited(pod, seen)
    name = pod.metadata.name
    if message:
        key, words = node_reason(message)
        help_key = key if key in _NODE_HELP else "node.more"
        values = {"pod": name, "reason_key": key, "help_key": help_key.replace("node", "node_help"),
                  "message": words}  # fmt: skip
        return Note("no_node", values, fatal=waited >= NODE_PATIENCE, trouble=True)
    return Note("unscheduled", {"pod": name, "seconds": int(waited)})


def _container_note(pod: Pod, status: ContainerStatus, seen: Observed) -> Note | None:
    waiting = status.state.waiting
    ended = status.state.terminated or status.last_state.terminated
    reason = waiting.reason if waiting else ""
    if waiting and reason in _PULL:
        return _pulling_failed(pod, status, seen)
    if waiting and reason in _CONFIG:
        values = {"pod": pod.metadata.name, "reason": waiting.message}
        return Note("config_missing", values, fatal=True)
    if failure := hook_failure(pod, status, ended, seen):
        return Note("hook_failed", {"pod": pod.metadata.name, "reason": failure}, fatal=True)
    start = waiting if waiting and reason in _START else None
    if start or (ended and ended.reason in _START):
        words = start.message if start else (ended.message if ended else "")
        values = {"pod": pod.metadata.name, "reason": last_words(words)}
        return Note("cannot_start", values, fatal=True)
    if ended is not None and status.restart_count > 0 and not status.ready:
        return ended_note(pod, status, ended, seen)
    if status.state.terminated is not None and status.state.terminated.exit_code != 0:
        return ended_note(pod, status, status.state.terminated, seen)
    return None


def _pulling_failed(pod: Pod, status: ContainerStatus, seen: Observed) -> Note:
    waiting = status.state.waiting
    reason, message = (waiting.reason, waiting.message) if waiting else ("", "")
    if reason == "InvalidImageName":
        return Note("image_invalid", {"image": status.image}, fatal=True)
    failure = latest(pod, seen, "Failed", "pull")
    note = pull_reason(status.image, failure.message if failure and reason == "ImagePullBackOff" else message)
    lasting = note.key in ("image_missing", "image_denied") and _is_new(pod, seen)
    if lasting or _waited(pod, seen) >= PULL_PATIENCE:
        return msgspec.structs.replace(note, fatal=True)
    values = {"pod": pod.metadata.name, "reason": note.values["reason"]}
    return Note("pull_failing", values, trouble=True)


def _setting_up(pod: Pod, seen: Observed) -> Note:
    name = pod.metadata.name
    if trouble := latest(pod, seen, "FailedMount", "") or latest(pod, seen, "FailedAttachVolume", ""):
        values = {"pod": name, "reason": last_words(trouble.message)}
        return Note("volume", values, trouble=True)
    if trouble := latest(pod, seen, "FailedCreatePodSandBox", ""):
        return Note("sandbox", {"pod": name, "reason": last_words(trouble.message)}, trouble=True)
    pulling, pulled = latest(pod, seen, "Pulling", ""), latest(pod, seen, "Pulled", "")
    if pulling and (pulled is None or order(pulled) < order(pulling)):
        since = seen_at(pulling) or seen.now
        return Note("pulling", {"pod": name, "seconds": max(0, int((seen.now - since).total_seconds()))})
    return Note("scheduled", {"pod": name, "seconds": int(_seconds(pod.metadata.creation_timestamp, seen))})


def _probing(pod: Pod, seen: Observed) -> Note:
    app = next(iter(pod.status.container_statuses or ()), None)
    running = app.state.running if app else None
    seconds = int(_seconds(running.started_at if running else None, seen))
    values: dict[str, Any] = {"pod": pod.metadata.name, "seconds": seconds}
    logs_of = (pod.metadata.name, app.name, False) if app else None
    if failure := latest(pod, seen, "Unhealthy", ""):
        values["reason"] = probe_words(failure.message)
        return Note("probe_failing", values, trouble=True, logs_of=logs_of)
    probe = pod.spec.containers[0].readiness_probe if pod.spec.containers else None
    if probe and probe.initial_delay_seconds > seconds:
        return Note("probe_waiting", {**values, "delay": probe.initial_delay_seconds})
    return Note("starting", values)


def _is_new(pod: Pod, seen: Observed) -> bool:
    """Whether the pod came of this roll-out; what an older one reports may be out of date."""
    stamp = pod.metadata.creation_timestamp
    return stamp is None or parse_rfc3339(stamp) >= seen.applied_at.replace(microsecond=0)


def _waited(pod: Pod, seen: Observed) -> float:
    """Seconds of this roll-out that the pod has been there."""
    since_applied = max(0.0, (seen.now - seen.applied_at).total_seconds())
    return min(_seconds(pod.metadata.creation_timestamp, seen), since_applied)


def _seconds(stamp: str | None, seen: Observed) -> float:
    since: datetime = parse_rfc3339(stamp) if stamp else seen.now
    return max(0.0, (seen.now - since).total_seconds())
