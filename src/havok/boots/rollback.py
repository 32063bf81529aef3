"""Going back to an earlier revision: what the Boot must become (contract section 5, "Rollback").

Pure. Asked for by the annotation `names.ROLLBACK_TO`. The spec of that revision comes back with the config it
ran on, so that its pods are again exactly what they were; replicas and the ignored env stay as they are.
"""

from collections.abc import Collection, Sequence

import msgspec

from havok.boots import author, names, revisions
from havok.boots.config import Platform
from havok.boots.defaults import fill, remember
from havok.boots.names import BootKey
from havok.boots.pin import deploying_hash
from havok.boots.revisions import Rolled
from havok.boots.status import Problem
from havok.codec import Json
from havok.crds import Boot, BootRevision

CONSUMED = (names.ROLLBACK_TO, names.ROLLBACK_KEEP_CONFIG, names.ROLLBACK_REASON, names.ROLLBACK_BY)


def asked(boot: Boot) -> str:
    """The revision that a person wants back, as they wrote it; empty when none."""
    return boot.metadata.annotation(names.ROLLBACK_TO)


def target(boot: Boot, history: Sequence[BootRevision]) -> BootRevision | Problem:
    """The revision meant, or why there is none."""
    text = asked(boot).strip()
    found = revisions.find(history, int(text)) if text.isascii() and text.isdecimal() else None
    if found is not None:
        return found
    kept = ", ".join(str(revisions.number(one)) for one in history) or "none"
    return _impossible(f"there is no revision {text}; kept are {kept}: correct the annotation")


def config_of(boot: Boot, revision: BootRevision) -> str | None:
    """The digest of the config to restore; None for the one in force."""
    if boot.metadata.annotation(names.ROLLBACK_KEEP_CONFIG) == "true":
        return None
    return revision.metadata.annotations.get(names.CONFIG_HASH)


def lost(digest: str) -> Problem:
    """The config of the revision is kept nowhere."""
    return _impossible(
        f"version {digest} of the central config, which it ran on, is kept nowhere any more; annotate "
        f"{names.ROLLBACK_KEEP_CONFIG}=true to take today's"
    )


def refused(message: str) -> Problem:
    """The API server does not take the restored spec."""
    return _impossible(f"the cluster refused it: {message}")


def body(
    key: BootKey, boot: Boot, revision: BootRevision, platform: Platform, ignored: Collection[str]
) -> list[Json]:
    """The JSON patch that restores `revision`, rendered with `platform`; conditional on the Boot as seen."""
    meta = boot.metadata
    profile = revision.metadata.annotation(names.PROFILE)
    defaults = platform.defaults(key.kind, profile)
    spec = revisions.restore(boot.spec, revision, ignored)
    config = config_of(boot, revision)
    known = remember(spec, defaults.registry) if config is not None else {}
    filled = fill(spec, known, name=key.name, defaults=defaults, environment=platform.environment)
    rolled = Rolled(
        to=revisions.number(revision),
        generation=meta.generation + 1,
        deployed=deploying_hash(filled.spec, profile),
        config=config,
        by=meta.annotation(names.ROLLBACK_BY),
        reason=meta.annotation(names.ROLLBACK_REASON),
    )
    annotations = {name: text for name, text in meta.annotations.items() if name not in CONSUMED}
    annotations |= {**known, **filled.annotations, names.ROLLED_BACK: rolled.text}
    annotations |= author.by_request(rolled.by, filled.spec)
    annotations[names.FILLED_FROM] = platform.digest
    annotations.pop(names.PROFILE, None)
    if profile:
        annotations[names.PROFILE] = profile
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": meta.resource_version},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
        {"op": "add", "path": "/spec", "value": msgspec.to_builtins(filled.spec)},
    ]


def _impossible(words: str) -> Problem:
    return Problem("RollbackImpossible", f"the rollback was not made: {words}")
