"""The history of a Boot: what is a new revision, what its phase is, which are kept (contract section 5).

Pure. A revision is a spec that a Boot once had, without what changes from day to day: its replicas and the
names in BIZ_ENVS. Specs are compared as structures, so the hash that another operator stored says nothing.
"""

import difflib
import hashlib
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from havok.boots import names
from havok.boots.names import BootKey
from havok.boots.quantity import amount
from havok.codec import Json, decode_json, encode_json, encode_yaml
from havok.crds import BootRevision, BootSpec
from havok.crds.spec import ResourceRequirements
from havok.errors import HavokError

RUNNING, ACTIVE, CANCELLED, COMPLETE = "Running", "Active", "Cancelled", "Complete"
PAST: Final = {RUNNING: CANCELLED, ACTIVE: COMPLETE}
"""What a phase becomes when a newer revision follows."""
GOOD: Final = frozenset({ACTIVE, COMPLETE})
"""Phases of revisions whose pods were all ready once."""
DIFF_BYTES: Final = 16_384
"""Most of a stored diff; all annotations of an object together may have 262144 bytes."""
CONTEXT: Final = 2
"""Unchanged lines around each changed one in a stored diff."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """Where a revision comes from: what its annotations tell."""

    generation: int
    config: str
    by: str = ""
    reason: str = ""
    restored: int = 0
    profile: str = ""
    ignored: tuple[str, ...] = ()


class Rolled(msgspec.Struct, frozen=True, kw_only=True):
    """What the last rollback of a Boot restored. It holds while `deployed` is the Boot's deploying hash."""

    to: int
    generation: int
    """Of the Boot with the restored spec."""
    deployed: str
    config: str | None = None
    """The config to render from; None: the one in force."""
    by: str = ""
    reason: str = ""

    @classmethod
    def read(cls, annotations: dict[str, str] | None) -> "Rolled | None":
        """What a Boot with these annotations remembers; None when nothing, or nothing readable."""
        text = (annotations or {}).get(names.ROLLED_BACK, "")
        try:
            return msgspec.convert(decode_json(text), cls) if text else None
        except (HavokError, msgspec.ValidationError):
            return None

    @classmethod
    def of(cls, annotations: dict[str, str] | None, deploying_hash: str) -> "Rolled | None":
        """The rollback that a Boot with these annotations and this deploying hash still stands on."""
        found = cls.read(annotations)
        return found if found is not None and found.deployed == deploying_hash else None

    @property
    def text(self) -> str:
        return encode_json(msgspec.to_builtins(self)).decode()


def number(revision: BootRevision) -> int:
    """The revision's id; 0 when it has none."""
    text = revision.metadata.annotation(names.REVISION) or revision.metadata.name.rpartition("-")[2]
    return int(text) if text.isascii() and text.isdecimal() else 0


def phase(revision: BootRevision) -> str:
    """Running, Active, Cancelled or Complete; empty when nobody said."""
    return revision.metadata.annotation(names.PHASE)


def in_order(revisions: Iterable[BootRevision]) -> list[BootRevision]:
    """Oldest first."""
    return sorted(revisions, key=number)


def own(revisions: Iterable[BootRevision], uid: str) -> list[BootRevision]:
    """Those of one Boot, oldest first: its own and ownerless ones, as the Go operator leaves them."""
    return in_order(
        one for one in revisions
        if number(one) and (one.metadata.controller is None or one.metadata.controller.uid == uid)
    )  # fmt: skip


def essence(spec: BootSpec, profile: str, ignored: Collection[str]) -> tuple[BootSpec, str]:
    """What makes two specs different revisions; every notation of the same thing is one."""
    needs = spec.resources or ResourceRequirements()
    plain = msgspec.structs.replace(
        needs, limits=_numbers(needs.limits), requests=_numbers(needs.requests)
    )  # fmt: skip
    kept = tuple(one for one in spec.env if one.name not in ignored)
    workload = spec.workload or "Deployment"
    bare = msgspec.structs.replace(spec, replicas=None, env=kept, resources=plain, workload=workload)
    return bare, profile


def is_new(
    spec: BootSpec, profile: str, generation: int, history: Sequence[BootRevision], ignored: Collection[str]
) -> bool:
    """Whether this spec differs from the latest revision, and is not older than it."""
    if not history:
        return True
    latest = history[-1]
    recorded = latest.metadata.annotation(names.GENERATION)
    if recorded.isdecimal() and int(recorded) > generation and latest.metadata.controller is not None:
        return False
    before = essence(latest.spec, latest.metadata.annotation(names.PROFILE), ignored)
    return essence(spec, profile, ignored) != before


def build(
    key: BootKey, uid: str, spec: BootSpec, made: Made, *, number: int, before: BootSpec | None
) -> Json:
    """The BootRevision to create."""
    stored = msgspec.structs.replace(spec, replicas=0)
    bare = essence(spec, made.profile, made.ignored)
    annotations = {
        names.REVISION: str(number),
        names.HASH: hashlib.sha256(encode_json(msgspec.to_builtins(bare))).hexdigest()[:10],
        names.PHASE: RUNNING,
        names.RETRY: "0",
        names.DIFF: text_diff(before, spec) if before is not None else "",
        names.CONFIG_HASH: made.config,
        names.GENERATION: str(made.generation),
    }
    told = {
        names.CHANGED_BY: made.by,
        names.REASON: made.reason,
        names.RESTORED: str(made.restored or ""),
        names.PROFILE: made.profile,
        names.IGNORED_ENV: ",".join(made.ignored),
    }
    return {
        "metadata": {
            "name": f"{key.name}-{number}",
            "namespace": key.namespace,
            "labels": key.pod_labels,
            "annotations": annotations | {name: value for name, value in told.items() if value},
            "ownerReferences": [key.owner_reference(uid)],
        },
        "bootType": key.kind.boot_type,
        "appKey": key.kind.app_key,
        "spec": msgspec.to_builtins(stored),
    }


def phases(history: Sequence[BootRevision], *, active: bool) -> list[tuple[BootRevision, str]]:
    """The phases to write: the latest runs or is active, those before it have ended."""
    if not history:
        return []
    wanted = [(one, PAST.get(phase(one), phase(one))) for one in history[:-1]]
    wanted.append((history[-1], ACTIVE if active else RUNNING))
    return [(one, new) for one, new in wanted if new != phase(one)]


def surplus(history: Sequence[BootRevision], keep: int) -> Sequence[BootRevision]:
    """The oldest, beyond the `keep` that are kept."""
    return history[: max(0, len(history) - keep)]


def find(history: Sequence[BootRevision], id_: int) -> BootRevision | None:
    """The revision of this number."""
    return next((one for one in history if number(one) == id_), None)


def last_good(history: Sequence[BootRevision]) -> BootRevision | None:
    """The newest before the present one whose pods were all ready."""
    return next((one for one in reversed(history[:-1]) if phase(one) in GOOD), None)


def restore(spec: BootSpec, revision: BootRevision, ignored: Collection[str]) -> BootSpec:
    """The revision's spec with the present replicas and the present values of the ignored env."""
    kept = {one.name: one for one in spec.env if one.name in ignored}
    then = [one for one in revision.spec.env if one.name not in ignored or one.name in kept]
    env = [kept.pop(one.name, one) for one in then] + [*kept.values()]
    return msgspec.structs.replace(revision.spec, replicas=spec.replicas, env=tuple(env))


def text_diff(before: BootSpec, after: BootSpec) -> str:
    """What changed as a JSON list of {Type, Text}: -1 removed, 0 unchanged, 1 added; at most DIFF_BYTES."""
    old, new = (_lines(spec) for spec in (before, after))
    chunks: list[Json] = []
    for group in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_grouped_opcodes(CONTEXT):
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                chunks.append({"Type": 0, "Text": "".join(old[i1:i2])})
                continue
            chunks += [{"Type": -1, "Text": "".join(old[i1:i2])}] if i1 < i2 else []
            chunks += [{"Type": 1, "Text": "".join(new[j1:j2])}] if j1 < j2 else []
    text = encode_json(chunks).decode()
    while len(text.encode()) > DIFF_BYTES:
        chunks = [*chunks[: len(chunks) // 2], {"Type": 0, "Text": "...\n"}] if len(chunks) > 2 else []
        text = encode_json(chunks).decode()
    return text


def _lines(spec: BootSpec) -> list[str]:
    bare = msgspec.structs.replace(spec, replicas=None)
    return encode_yaml(msgspec.to_builtins(bare)).splitlines(keepends=True)


def _numbers(amounts: dict[str, str | int | float]) -> dict[str, str | int | float]:
    found = {name: amount(value) for name, value in amounts.items()}
    return {name: str(amounts[name] if exact is None else exact.normalize()) for name, exact in found.items()}
