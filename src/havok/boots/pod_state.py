"""Why one pod is not ready yet, in plain words. Pure; used by `health_words`.

A note is `fatal` when waiting will not help, `trouble` when it may but points at something wrong.
"""

import re
from datetime import datetime
from typing import Any, Final

import msgspec

from havok.boots import pod_end
from havok.boots.note import Note
from havok.boots.observed import Observed, Pod, seen_at
from havok.clock import parse_rfc3339
from havok.kube.views import ContainerStatus, Event, TerminatedState

NODE_PATIENCE: Final = 30.0
"""Seconds without a node after which a pod counts as unschedulable (an autoscaler may add nodes later)."""
PULL_PATIENCE: Final = 30.0
"""Seconds for which a registry that does not answer may be a passing fault."""
CRASHES: Final = 2
"""Restarts after which an app that ends is in a crash loop."""

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
    "PostStartHookError",
    "ContainerCannotRun",
)
_SHELL: Final = {126: "how_not_executable", 127: "how_not_found"}
"""Exit codes that a shell gives for a command that it cannot run."""
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


def last_words(message: str) -> str:
    """The innermost cause of a message that wraps causes in `a: b: c`."""
    parts = [part.strip() for part in re.split(r":\s+", message.strip().strip('"'))]
    parts = [part for part in parts if part not in ("", "unknown")]
    return ": ".join(parts[-2:]) if parts else message


def _unscheduled(pod: Pod, seen: Observed, message: str) -> Note:
    waited = _waited(pod, seen)
    name = pod.metadata.name
    if message:
        key, words = node_reason(message)
        values = {"pod": name, "reason_key": key, "message": words}
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
    start = waiting if waiting and reason in _START else None
    if start or (ended and ended.reason in _START):
        words = start.message if start else (ended.message if ended else "")
        values = {"pod": pod.metadata.name, "reason": last_words(words)}
        return Note("cannot_start", values, fatal=True)
    if ended is not None and status.restart_count > 0 and not status.ready:
        return _ended(pod, status, ended, seen)
    if status.state.terminated is not None and status.state.terminated.exit_code != 0:
        return _ended(pod, status, status.state.terminated, seen)
    return None


def _pulling_failed(pod: Pod, status: ContainerStatus, seen: Observed) -> Note:
    waiting = status.state.waiting
    reason, message = (waiting.reason, waiting.message) if waiting else ("", "")
    if reason == "InvalidImageName":
        return Note("image_invalid", {"image": status.image}, fatal=True)
    failure = _latest(pod, seen, "Failed", "pull")
    note = pull_reason(status.image, failure.message if failure and reason == "ImagePullBackOff" else message)
    lasting = note.key in ("image_missing", "image_denied") and _is_new(pod, seen)
    if lasting or _waited(pod, seen) >= PULL_PATIENCE:
        return msgspec.structs.replace(note, fatal=True)
    values = {"pod": pod.metadata.name, "reason": note.values["reason"]}
    return Note("pull_failing", values, trouble=True)


def _ended(pod: Pod, status: ContainerStatus, ended: TerminatedState, seen: Observed) -> Note:
    killed = _latest(pod, seen, "Killing", "probe") or _failed_alive(pod, ended, seen)
    previous = status.state.terminated is None
    logs_of = (pod.metadata.name, status.name, previous)
    values: dict[str, Any] = {"pod": pod.metadata.name, "restarts": status.restart_count, **_how(ended)}
    if killed is not None and status.restart_count > 0:
        failure = _latest(pod, seen, "Unhealthy", "")
        values["reason"] = probe_words(failure.message if failure else killed.message)
        return Note("killed_by_probe", values, fatal=True, logs_of=logs_of)
    waiting = status.state.waiting
    if status.restart_count >= CRASHES or (waiting is not None and waiting.reason == "CrashLoopBackOff"):
        return Note("crash_loop", values, fatal=True, logs_of=logs_of)
    return Note("crashed", values, trouble=True, logs_of=logs_of)


def _failed_alive(pod: Pod, ended: TerminatedState, seen: Observed) -> Event | None:
    """The probe that had the container ended; what an observer of warnings alone sees of it."""
    found = [_latest(pod, seen, "Unhealthy", word) for word in ("Liveness", "Startup")]
    failure = max(filter(None, found), key=_order, default=None)
    started = parse_rfc3339(ended.started_at).timestamp() if ended.started_at else 0.0
    return failure if failure is not None and _order(failure) >= started else None


def _how(ended: TerminatedState) -> dict[str, Any]:
    if ended.reason == "OOMKilled":
        return {"how_key": "how_memory"}
    if ended.exit_code in _SHELL:
        return {"how_key": _SHELL[ended.exit_code], "code": ended.exit_code}
    if ended.signal or ended.exit_code > 128:
        return {"how_key": "how_signal", "signal": ended.signal or ended.exit_code - 128}
    return {"how_key": "how_code", "code": ended.exit_code}


def _setting_up(pod: Pod, seen: Observed) -> Note:
    name = pod.metadata.name
    if trouble := _latest(pod, seen, "FailedMount", "") or _latest(pod, seen, "FailedAttachVolume", ""):
        values = {"pod": name, "reason": last_words(trouble.message)}
        return Note("volume", values, trouble=True)
    if trouble := _latest(pod, seen, "FailedCreatePodSandBox", ""):
        return Note("sandbox", {"pod": name, "reason": last_words(trouble.message)}, trouble=True)
    pulling, pulled = _latest(pod, seen, "Pulling", ""), _latest(pod, seen, "Pulled", "")
    if pulling and (pulled is None or _order(pulled) < _order(pulling)):
        since = seen_at(pulling) or seen.now
        return Note("pulling", {"pod": name, "seconds": max(0, int((seen.now - since).total_seconds()))})
    return Note("scheduled", {"pod": name, "seconds": int(_seconds(pod.metadata.creation_timestamp, seen))})


def _probing(pod: Pod, seen: Observed) -> Note:
    app = next(iter(pod.status.container_statuses or ()), None)
    running = app.state.running if app else None
    seconds = int(_seconds(running.started_at if running else None, seen))
    values: dict[str, Any] = {"pod": pod.metadata.name, "seconds": seconds}
    logs_of = (pod.metadata.name, app.name, False) if app else None
    if failure := _latest(pod, seen, "Unhealthy", ""):
        values["reason"] = probe_words(failure.message)
        return Note("probe_failing", values, trouble=True, logs_of=logs_of)
    probe = pod.spec.containers[0].readiness_probe if pod.spec.containers else None
    if probe and probe.initial_delay_seconds > seconds:
        return Note("probe_waiting", {**values, "delay": probe.initial_delay_seconds})
    return Note("starting", values)


def probe_words(message: str) -> str:
    """A kubelet's message about a probe, shorter: `HTTP status 500`, `nothing listens on port 8080`."""
    if found := re.search(r"statuscode: (\d+)", message):
        return f"HTTP {found[1]}"
    if found := re.search(r"dial tcp [^ ]*?:(\d+): connect: connection refused", message):
        return f"connection refused, port {found[1]}"
    if "context deadline exceeded" in message or "Client.Timeout" in message:
        return "no answer in time"
    return last_words(message)


def _latest(pod: Pod, seen: Observed, reason: str, word: str) -> Event | None:
    """The newest event of this reason about this pod whose message has `word`."""
    matching = [
        event
        for event in seen.events
        if event.reason == reason
        and event.involved_object.name == pod.metadata.name
        and (not event.involved_object.uid or event.involved_object.uid == pod.metadata.uid)
        and word in event.message
    ]
    return max(matching, key=_order, default=None)


def _order(event: Event) -> float:
    moment = seen_at(event)
    return moment.timestamp() if moment else 0.0


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
