"""What a Boot is waiting for, or why it fails, and what helps, in plain words.

`health` says it in one sentence with its remedy, for the CLI, the Boot's status and other surfaces. `judge`
looks at the objects of one Boot at one moment and gives a verdict: waiting, healthy, or unhealthy with the
reason. Pure: no clock, no cluster; the words are text keys under `cli.rollout` with their values.

Invariants: a verdict is `healthy` only when every wanted pod is of the newest template, ready, and no older
pod is left; `unhealthy` only for what will not heal by waiting a little longer (the patience of each reason
stands beside it).
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import msgspec

from havok.boots import pod_end
from havok.boots.note import Note
from havok.boots.observed import (
    REVISION_HASH,
    REVISION_NUMBER,
    TEMPLATE_HASH,
    Observed,
    Pod,
    Workload,
)
from havok.boots.pod_state import pod_note
from havok.boots.revisions import in_order, last_good, number
from havok.clock import parse_rfc3339
from havok.crds import Boot, BootRevision, BootStatus
from havok.kube.views import Condition, Event
from havok.text import say

OPERATOR_PATIENCE: Final = 20.0
"""Seconds after which nobody having touched the Boot means that no operator runs."""

DEGRADED_PATIENCE: Final = 10.0
"""Seconds for which the operator's own "it cannot arrive" may still turn out to be passing."""


class Verdict(msgspec.Struct, frozen=True):
    """The state of a roll-out, and what to say about it."""

    state: Literal["waiting", "healthy", "unhealthy"]
    ready: int
    wanted: int
    notes: tuple[Note, ...] = ()

    @property
    def reason(self) -> Note | None:
        """The first note that says why it is unhealthy."""
        return next((note for note in self.notes if note.fatal), None)

    @property
    def suspicion(self) -> Note | None:
        """What an expired wait is put down to: the first note that names a trouble."""
        return next((note for note in self.notes if note.fatal or note.trouble), None)


def judge(seen: Observed) -> Verdict:
    """The verdict about the roll-out of `seen.boot`."""
    wanted = _wanted(seen)
    pods = newest_pods(seen)
    ready = sum(pod.ready for pod in pods)
    if not _taken_up(seen):
        return _verdict(ready, wanted, (_operator_note(seen), *_condition_notes(seen)))
    if seen.workload is None:
        return _verdict(ready, wanted, (Note("no_workload"), *_condition_notes(seen)))
    old = [pod for pod in seen.pods if pod not in pods and not pod.ending]
    if _complete(seen.workload, wanted) and ready >= wanted and not old:
        return Verdict("healthy", ready, wanted, (Note("scaled_to_zero"),) if wanted == 0 else ())
    notes = [note for pod in pods if not pod.ending and not pod.ready for note in pod_note(pod, seen)]
    if gone := pod_end.latest_end(pods, seen):
        notes = pod_note(gone, seen) + notes
    notes += _workload_notes(seen) + _condition_notes(seen)
    if not notes and not pods and wanted:
        notes.append(Note("no_pods"))
    if old and ready >= wanted:
        notes.append(Note("old", {"count": len(old)}))
    return _verdict(ready, wanted, tuple(sorted(notes, key=lambda note: (not note.fatal, not note.trouble))))


class Health(msgspec.Struct, frozen=True):
    """What is wrong: one word for programs, a sentence, and what to do."""

    reason: str
    sentence: str
    remedy: str

    @property
    def text(self) -> str:
        return f"{self.sentence}; {self.remedy}" if self.remedy else self.sentence


def health(seen: Observed, lang: str = "en") -> Health | None:
    """What is wrong with a Boot and what helps; None while nothing points at a trouble."""
    note = judge(seen).suspicion
    if note is None:
        return None
    name = seen.boot.metadata.name
    reason = "".join(part.capitalize() for part in note.key.split("_"))
    return Health(reason, words(note, lang), way_back(seen, lang) or remedy(note, name, lang))


def in_status(
    boot: Boot,
    workload: object,
    pods: Iterable[Pod],
    revisions: Iterable[BootRevision],
    now: datetime,
    *,
    replica_sets: Iterable[Workload] = (),
    events: Iterable[Event] = (),
) -> Health | None:
    """`health` for the Boot's own status, from what an operator sees: warnings alone of all events.

    `workload` is the Deployment or StatefulSet in any form; what the status says already counts for nothing.
    """
    status = BootStatus(observed_generation=boot.metadata.generation)
    made = boot.metadata.creation_timestamp
    seen = Observed(
        boot=msgspec.structs.replace(boot, status=status),
        workload=msgspec.convert(msgspec.to_builtins(workload), Workload),
        replica_sets=tuple(replica_sets),
        pods=tuple(sorted(pods, key=lambda pod: pod.metadata.name)),
        events=tuple(events),
        applied_at=parse_rfc3339(made) if made else now,
        now=now,
        revisions=tuple(revisions),
    )
    return health(seen)


def remedy(note: Note, name: str, lang: str) -> str:
    """What to do about a note that is a trouble of the Boot `name`; empty where nothing is known."""
    try:
        return say(f"cli.failure.{note.key}", lang, boot=name, **_phrased(note, lang)).strip()
    except KeyError:
        return ""


def way_back(seen: Observed, lang: str) -> str:
    """`last good revision is 7: havok rollback x 7`; empty when there is none."""
    good = last_good(in_order(seen.revisions))
    if good is None:
        return ""
    return say("cli.rollout.last_good", lang, boot=seen.boot.metadata.name, revision=number(good))


def newest_pods(seen: Observed) -> tuple[Pod, ...]:
    """The pods made from the workload's present template; all, where that cannot be told."""
    if seen.workload is None:
        return seen.pods
    if revision := seen.workload.status.update_revision:
        return tuple(pod for pod in seen.pods if pod.metadata.label(REVISION_HASH) == revision)
    newest = max(seen.replica_sets, key=_revision_number, default=None)
    if newest is None:
        return seen.pods
    mark = newest.metadata.label(TEMPLATE_HASH)
    return tuple(pod for pod in seen.pods if pod.metadata.label(TEMPLATE_HASH) == mark)


def _verdict(ready: int, wanted: int, notes: tuple[Note, ...]) -> Verdict:
    state: Literal["waiting", "unhealthy"] = "unhealthy" if any(note.fatal for note in notes) else "waiting"
    return Verdict(state, ready, wanted, notes)


def _wanted(seen: Observed) -> int:
    if seen.boot.spec.replicas is not None:
        return seen.boot.spec.replicas
    if seen.workload is not None and seen.workload.spec.replicas is not None:
        return seen.workload.spec.replicas
    return 1


def _taken_up(seen: Observed) -> bool:
    """Whether the operator has acted on the Boot as it is now.

    An operator without observedGeneration (Logan-App-Operator) is judged by the workload's image.
    """
    status, workload = seen.boot.status, seen.workload
    if status.observed_generation is not None:
        return status.observed_generation >= seen.boot.metadata.generation
    if workload is None or not workload.spec.template.spec.containers:
        return False
    wanted = f"{seen.boot.spec.image}:{seen.boot.spec.version}"
    image = workload.spec.template.spec.containers[0].image
    same_image = image == wanted or image.endswith(f"/{wanted}")
    replicas = seen.boot.spec.replicas
    return same_image and (replicas is None or workload.spec.replicas == replicas)


def _operator_note(seen: Observed) -> Note:
    waited = (seen.now - seen.applied_at).total_seconds()
    values = {"seconds": int(waited)}
    if waited >= OPERATOR_PATIENCE:
        return Note("no_operator", values, fatal=True)
    return Note("unseen" if seen.workload is None else "unobserved", values)


def _complete(workload: Workload, wanted: int) -> bool:
    status = workload.status
    if status.observed_generation < workload.metadata.generation:
        return False
    return status.updated_replicas >= wanted and status.replicas <= max(status.updated_replicas, wanted)


def _workload_notes(seen: Observed) -> list[Note]:
    notes: list[Note] = []
    workload = seen.workload
    newest = max(seen.replica_sets, key=_revision_number, default=None)
    for one in (workload, newest):
        if one is None or one.status.observed_generation < one.metadata.generation:
            continue
        for condition in one.status.conditions or ():
            if condition.type == "ReplicaFailure" and condition.status == "True":
                notes.append(pod_end.forbidden(condition.message))
            elif condition.reason == "ProgressDeadlineExceeded" and _since(condition, seen.applied_at):
                notes.append(Note("stuck", {"message": condition.message}, fatal=True))
    if workload is not None and (untold := pod_end.not_made(workload, seen)):
        notes.append(untold)
    return list({note.key: note for note in notes}.values())


def _condition_notes(seen: Observed) -> list[Note]:
    """What the operator itself says is wrong with the Boot as it is now."""
    status = seen.boot.status
    if (status.observed_generation or 0) < seen.boot.metadata.generation:
        return []
    lasting = (seen.now - seen.applied_at).total_seconds() >= DEGRADED_PATIENCE
    return [
        Note("condition", {"message": condition.message}, fatal=lasting, trouble=True)
        for condition in status.conditions or ()
        if condition.type == "Degraded" and condition.status == "True"
    ]


def _since(condition: Condition, moment: datetime) -> bool:
    stamp = condition.last_transition_time
    return stamp is None or parse_rfc3339(stamp) >= moment.replace(microsecond=0)


def _revision_number(replica_set: Workload) -> int:
    text = (replica_set.metadata.annotations or {}).get(REVISION_NUMBER, "0")
    return int(text) if re.fullmatch(r"\d+", text) else 0


def words(note: Note, lang: str) -> str:
    """A note as a person reads it."""
    return say(f"cli.rollout.{note.key}", lang, **_phrased(note, lang))


def progress(verdict: Verdict, lang: str) -> str:
    """`2 of 3 pods ready; pod x: pulling image, 43 s`."""
    count = say("cli.rollout.pods", lang, ready=verdict.ready, wanted=verdict.wanted)
    return say("cli.rollout.join", lang).join([count, *(words(note, lang) for note in verdict.notes[:1])])


def _phrased(note: Note, lang: str) -> dict[str, object]:
    """The values of a note, with those that are texts themselves in the language."""
    values = dict(note.values)
    if key := values.pop("how_key", None):
        values["how"] = say(f"cli.rollout.{key}", lang, **values)
    for name in ("reason", "help", "who"):
        if key := values.pop(f"{name}_key", None):
            values[name] = say(f"cli.rollout.{key}", lang, **values)
    return values
