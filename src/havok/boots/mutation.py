"""What the mutating webhook answers, as a pure function from the object to a JSON patch (contract 6, 7).

It fills what a Boot leaves open and stamps the time when a person changed something. Two refusals are made
here, with the exact words that clients look for, because the API server's own schema runs later and says it
differently.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from havok.boots import names
from havok.boots.config import Platform
from havok.boots.defaults import fill
from havok.boots.pin import deploying_hash
from havok.codec import Json
from havok.crds import BootKind, BootSpec


class Incoming(msgspec.Struct, frozen=True):
    """The part of an object under admission that counts here."""

    spec: BootSpec
    annotations: dict[str, str]

    @classmethod
    def read(cls, obj: Mapping[str, Any] | None) -> "Incoming | None":
        """None when it is absent or so malformed that the schema will refuse it."""
        try:
            spec = msgspec.convert((obj or {}).get("spec"), BootSpec)
            annotations = ((obj or {}).get("metadata") or {}).get("annotations") or {}
            return cls(spec, msgspec.convert(annotations, dict[str, str]))
        except msgspec.ValidationError:
            return None

    @property
    def hash(self) -> str:
        return deploying_hash(self.spec, self.annotations.get(names.PROFILE, ""))

    def own_annotations(self) -> dict[str, str]:
        """Without those that the operator writes."""
        return {key: value for key, value in self.annotations.items() if key not in names.WRITTEN_BACK}


def refusal(spec: BootSpec) -> str:
    """Why the Boot cannot be, in the words of contract 6.2; empty when nothing is wrong."""
    for claim in spec.pvc:
        if not claim.name:
            return "spec.pvc.name in body should be at least 1 chars long"
        if len(claim.name) > 63:
            return "spec.pvc.name in body should be at most 63 chars long"
        if not claim.mount_path:
            return "spec.pvc.mountPath in body should be at least 1 chars long"
    return ""


def patch(
    kind: BootKind, name: str, new: Incoming, old: Incoming | None, platform: Platform, now: str
) -> list[Json]:
    """The JSON patch that fills `new`; empty when nothing is open. `now` is RFC 3339."""
    profile = new.annotations.get(names.PROFILE, "")
    filled = fill(
        new.spec, new.annotations, name=name,
        defaults=platform.defaults(kind, profile), environment=platform.environment,
    )  # fmt: skip
    annotations = dict(filled.annotations)
    if old is not None and changed_by_person(new, old):
        annotations[names.LAST_UPDATE] = f'"{now}"'
    return [*_spec_patch(new.spec, filled.spec), *_annotation_patch(new.annotations, annotations)]


def changed_by_person(new: Incoming, old: Incoming) -> bool:
    """Whether the spec or an annotation that is not the operator's differs."""
    return new.spec != old.spec or new.own_annotations() != old.own_annotations()


def changes(before: BootSpec, after: BootSpec) -> Json:
    """The fields of the spec that differ, by their wire names, as they are afterwards."""
    found: Json = {}
    for field in msgspec.structs.fields(BootSpec):
        value = getattr(after, field.name)
        if value != getattr(before, field.name):
            found[field.encode_name] = msgspec.to_builtins(value)
    return found


def _spec_patch(before: BootSpec, after: BootSpec) -> list[Json]:
    changed = changes(before, after).items()
    return [{"op": "add", "path": f"/spec/{name}", "value": value} for name, value in changed]


def _annotation_patch(before: Mapping[str, str], wanted: Mapping[str, str]) -> list[Json]:
    new = {key: value for key, value in wanted.items() if before.get(key) != value}
    if not new:
        return []
    if not before:
        return [{"op": "add", "path": "/metadata/annotations", "value": new}]
    return [{"op": "add", "path": f"/metadata/annotations/{_token(key)}", "value": new[key]} for key in new]


def _token(key: str) -> str:
    """A map key as RFC 6901 writes it in a path."""
    return key.replace("~", "~0").replace("/", "~1")
