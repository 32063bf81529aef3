"""Who changed a Boot last: the annotation `app.logancloud.com/changed-by`.

The mutating webhook writes it from the request's user, whatever the request itself says there, so nobody can
write another's name. A second annotation holds a hash of the spec that the name belongs to: a spec that came
in while no webhook ran does not match it, and then the author is `unknown`. Scaling by the subresource, which
no webhook sees, is nobody's change: replicas are left out of the hash.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from havok.boots.names import CHANGED_BY, CHANGED_SPEC, ROLLBACK_BY, ROLLBACK_TO
from havok.codec import encode_json
from havok.crds import BootSpec

UNKNOWN: Final = "unknown"


def spec_hash(spec: BootSpec) -> str:
    """Ten hexadecimal digits of everything in the spec but its replicas."""
    said = msgspec.to_builtins(msgspec.structs.replace(spec, replicas=None))
    return hashlib.sha256(encode_json(said)).hexdigest()[:10]


def of(annotations: Mapping[str, str], spec: BootSpec) -> str:
    """Who made the spec what it is; `unknown` when no webhook saw it."""
    if annotations.get(CHANGED_SPEC) != spec_hash(spec):
        return UNKNOWN
    return annotations.get(CHANGED_BY) or UNKNOWN


def by_request(user: str, filled: BootSpec) -> dict[str, str]:
    """The annotations of a spec that `user` changed and that was then `filled`."""
    return {CHANGED_BY: user or UNKNOWN, CHANGED_SPEC: spec_hash(filled)}


def untouched(before: Mapping[str, str], spec: BootSpec, filled: BootSpec) -> dict[str, str | None]:
    """The annotations as they were `before` a request that did not change the spec. None: there was none."""
    if before.get(CHANGED_SPEC) == spec_hash(spec):
        return {CHANGED_BY: before.get(CHANGED_BY), CHANGED_SPEC: spec_hash(filled)}
    return {name: before.get(name) for name in (CHANGED_BY, CHANGED_SPEC)}


def of_rollback(user: str, new: Mapping[str, str], old: Mapping[str, str]) -> dict[str, str | None]:
    """Who asked for the rollback that the annotations ask for: the one who first wrote its number there."""
    wanted = new.get(ROLLBACK_TO)
    if wanted is None:
        return {ROLLBACK_BY: None}
    return {ROLLBACK_BY: old.get(ROLLBACK_BY) if old.get(ROLLBACK_TO) == wanted else user or UNKNOWN}


def by_reconciler(annotations: Mapping[str, str], spec: BootSpec, filled: BootSpec) -> dict[str, str]:
    """What the reconciler has to write: nothing, when a webhook saw this very spec."""
    wanted = {CHANGED_BY: of(annotations, spec), CHANGED_SPEC: spec_hash(filled)}
    return {name: value for name, value in wanted.items() if annotations.get(name) != value}
