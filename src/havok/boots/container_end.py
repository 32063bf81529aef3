"""Why a container ended, and whose doing it was: its own, a limit's, a probe's or a hook's. Pure."""

from typing import Any, Final

from havok.boots.kubelet_words import hook_words, probe_words
from havok.boots.note import Note
from havok.boots.observed import Observed, Pod, latest, order
from havok.clock import parse_rfc3339
from havok.kube.views import ContainerStatus, Event, TerminatedState

CRASHES: Final = 2
"""Restarts after which an app that ends is in a crash loop."""

_SHELL: Final = {126: "how_not_executable", 127: "how_not_found"}
"""Exit codes that a shell gives for a command that it cannot run."""
SIGNALS: Final = 128
"""Exit codes above it stand for the signal that ended a process."""


def ended_note(pod: Pod, status: ContainerStatus, ended: TerminatedState, seen: Observed) -> Note:
    """What to say of a container that ended and is not ready again."""
    killed = _killed_by_probe(pod, ended, seen)
    previous = status.state.terminated is None
    logs_of = (pod.metadata.name, status.name, previous)
    values: dict[str, Any] = {"pod": pod.metadata.name, "restarts": status.restart_count, **_how(ended)}
    values |= _whose(pod, status)
    if killed is not None and status.restart_count > 0:
        values["reason"] = probe_words(killed.message)
        return Note("killed_by_probe", values, fatal=True, logs_of=logs_of)
    waiting = status.state.waiting
    if status.restart_count >= CRASHES or (waiting is not None and waiting.reason == "CrashLoopBackOff"):
        return Note("crash_loop", values, fatal=True, logs_of=logs_of)
    return Note("crashed", values, trouble=True, logs_of=logs_of)


def _whose(pod: Pod, status: ContainerStatus) -> dict[str, Any]:
    """Which container is meant, and how its log is asked for; the app's own, the first, needs no name."""
    if any(one.name == status.name for one in pod.status.init_container_statuses or ()):
        return {"who_key": "who_init", "container": status.name, "flag": f" -c {status.name}"}
    if pod.spec.containers and pod.spec.containers[0].name != status.name:
        return {"who_key": "who_beside", "container": status.name, "flag": f" -c {status.name}"}
    return {"who_key": "who_app", "container": status.name, "flag": ""}


def _killed_by_probe(pod: Pod, ended: TerminatedState, seen: Observed) -> Event | None:
    """What tells of the probe that had the container ended.

    A probe that fails is not yet why an app ends: one that starts fails its first probes too, and then it
    may end of itself. Who sees warnings alone takes a signal, or an orderly end, for the kubelet's doing.
    """
    if ended.reason == "OOMKilled":
        return None
    found = [latest(pod, seen, "Unhealthy", word) for word in ("Liveness", "Startup")]
    failure = max(filter(None, found), key=order, default=None)
    if killing := latest(pod, seen, "Killing", "probe"):
        return failure or killing
    started = parse_rfc3339(ended.started_at).timestamp() if ended.started_at else 0.0
    asked = ended.exit_code == 0 or ended.exit_code > SIGNALS
    return failure if asked and failure is not None and order(failure) >= started else None


def hook_failure(
    pod: Pod, status: ContainerStatus, ended: TerminatedState | None, seen: Observed
) -> str | None:
    """What a lifecycle hook ended with, if that is why the container does not run."""
    waiting = status.state.waiting
    failure = latest(pod, seen, "FailedPostStartHook", "")
    if waiting is not None and waiting.reason == "PostStartHookError":
        return hook_words(waiting.message)
    if failure is None or status.state.running is not None:
        return None
    started = parse_rfc3339(ended.started_at).timestamp() if ended and ended.started_at else 0.0
    return hook_words(failure.message) if order(failure) >= started else None


def _how(ended: TerminatedState) -> dict[str, Any]:
    if ended.reason == "OOMKilled":
        return {"how_key": "how_memory"}
    if ended.exit_code in _SHELL:
        return {"how_key": _SHELL[ended.exit_code], "code": ended.exit_code}
    if ended.signal or ended.exit_code > SIGNALS:
        return {"how_key": "how_signal", "signal": ended.signal or ended.exit_code - SIGNALS}
    return {"how_key": "how_code", "code": ended.exit_code}
