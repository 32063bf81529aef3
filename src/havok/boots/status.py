"""What people read of a Boot: status, conditions and the annotations that older clients read.

Pure; `now` is given. A condition keeps its time while its status stays, so an unchanged app gives an
unchanged status and nothing is written (contract 1.3, 4.6).
"""

from collections.abc import Iterable

import msgspec

from havok.boots import names
from havok.boots.config_news import News
from havok.boots.health_words import Health
from havok.boots.live import Workload
from havok.boots.names import BootKey
from havok.crds import BootSpec, BootStatus, Condition
from havok.kube import KubeError


class Problem(msgspec.Struct, frozen=True):
    """Why the Boot cannot become what it says: one word for programs, a sentence with the next step."""

    reason: str
    message: str


def by_cluster(error: KubeError) -> Problem:
    """The API server would not take what was rendered; its words name the field of the object."""
    way = f"{error.hint}, in the Boot or else in the central config; what runs stays as it is"
    return Problem("Refused", f"the cluster refused it: {error.message}. {way}")


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a status is made of."""

    key: BootKey
    generation: int
    spec: BootSpec
    previous: BootStatus
    workload: Workload | None
    services: tuple[str, ...]
    """Names of the services with the Boot's service labels."""
    config_hash: str
    revision: str = ""
    """The number of the latest revision."""
    news: News | None = None
    """What is to be told of the central config."""
    paused: str = ""
    """Why changes wait; empty while they do not."""
    trouble: Health | None = None
    """What is wrong with the pods."""
    problem: Problem | None = None


def observe(seen: Seen, now: str) -> BootStatus:
    """The status to write; `now` is RFC 3339."""
    kind = seen.spec.workload or "Deployment"
    counts = seen.workload.status if seen.workload else None
    total = counts.replicas if counts else 0
    conditions = [_ready(seen), _progressing(seen), _degraded(seen)]
    if seen.news is not None:
        conditions += _config(seen.news)
    if seen.paused:
        conditions.append(_condition("Paused", True, "AskedFor", seen.paused))
    return BootStatus(
        services=",".join(sorted(seen.services)),
        workload=kind if seen.workload else seen.previous.workload,
        hpa_replicas=total,
        selector=seen.key.selector_text,
        replicas=seen.spec.replicas,
        current_replicas=counts.current_replicas if counts and kind == "StatefulSet" else total,
        ready_replicas=counts.ready_replicas if counts else 0,
        revision=seen.revision or seen.previous.revision,
        config_hash=seen.config_hash,
        observed_generation=seen.generation,
        conditions=tuple(_keep_time(one, seen.previous.conditions, now) for one in conditions),
    )


def annotations(status: BootStatus, key: BootKey) -> dict[str, str]:
    """What is written back to the Boot beside its status."""
    return {
        names.DEPLOY: key.name,
        names.TYPE: "deploy",
        names.SERVICES: status.services,
        names.AVAILABLE: str(status.ready_replicas or 0),
        names.DESIRED: str(status.replicas or 0),
        names.WORKLOAD: status.workload or "Deployment",
    } | ({names.REVISION: status.revision} if status.revision else {})


def is_active(seen: Seen) -> bool:
    """Whether the latest revision is what runs: ready == desired == current, and nothing old is left."""
    wanted = seen.spec.replicas or 0
    if seen.workload is None or seen.problem is not None or seen.paused:
        return False
    counts = seen.workload.status
    return counts.ready_replicas == wanted == counts.replicas and _arrived(seen.workload, wanted)


def _ready(seen: Seen) -> Condition:
    wanted = seen.spec.replicas or 0
    if seen.workload is None:
        return _condition("Ready", False, "NoWorkload", "the app has not been created yet")
    if wanted == 0:
        return _condition("Ready", True, "ScaledToZero", "no pods are asked for")
    ready = seen.workload.status.ready_replicas
    words = f"{ready} of {wanted} pods ready"
    if ready >= wanted and _arrived(seen.workload, wanted):
        return _condition("Ready", True, "AllPodsReady", words)
    if seen.trouble is not None:
        return _condition("Ready", False, seen.trouble.reason, f"{words}; {seen.trouble.text}"[:2000])
    return _condition("Ready", False, "PodsNotReady", words)


def _progressing(seen: Seen) -> Condition:
    wanted = seen.spec.replicas or 0
    if seen.workload is None:
        return _condition("Progressing", seen.problem is None, "Creating", "the app is being created")
    if _stalled(seen.workload):
        return _condition("Progressing", False, "Stalled", _stalled(seen.workload))
    if _arrived(seen.workload, wanted) and seen.workload.status.ready_replicas >= wanted:
        return _condition("Progressing", False, "Complete", f"version {seen.spec.version} runs")
    updated = seen.workload.status.updated_replicas
    words = f"{updated} of {wanted} pods have version {seen.spec.version}"
    return _condition("Progressing", True, "RollingOut", words)


def _config(news: News) -> list[Condition]:
    told = [_condition("ConfigCurrent", news.current, news.reason, news.message)]
    if news.warnings:
        told.append(_condition("ConfigWarnings", True, "HasNoEffect", news.warnings))
    return told


def _degraded(seen: Seen) -> Condition:
    if seen.problem is not None:
        return _condition("Degraded", True, seen.problem.reason, seen.problem.message)
    if seen.workload and (stalled := _stalled(seen.workload)):
        if seen.trouble is not None:
            return _condition("Degraded", True, seen.trouble.reason, seen.trouble.text[:2000])
        return _condition("Degraded", True, "Stalled", stalled)
    return _condition("Degraded", False, "AsWanted", "everything is as the Boot says")


def _arrived(workload: Workload, wanted: int) -> bool:
    """Whether the workload's controller has seen its latest spec and no old pod is left."""
    counts = workload.status
    seen = counts.observed_generation >= workload.metadata.generation
    return (
        seen and counts.updated_replicas >= wanted and counts.replicas <= max(wanted, counts.updated_replicas)
    )


def _stalled(workload: Workload) -> str:
    """What the workload's controller says when it cannot go on; empty while it can."""
    for one in workload.status.conditions or ():
        if (one.type, one.status) in (("Progressing", "False"), ("ReplicaFailure", "True")):
            return one.message or one.reason
    return ""


def _condition(kind: str, holds: bool, reason: str, message: str) -> Condition:
    status = "True" if holds else "False"
    return Condition(type=kind, status=status, reason=reason, message=message, last_transition_time="")


def _keep_time(condition: Condition, previous: Iterable[Condition], now: str) -> Condition:
    before = next((one for one in previous if one.type == condition.type), None)
    same = before is not None and before.status == condition.status
    since = before.last_transition_time if before is not None and same else now
    return msgspec.structs.replace(condition, last_transition_time=since)
