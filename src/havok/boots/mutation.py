"""What the mutating webhook answers, as a pure function from the object to a JSON patch (contract 6, 7).

It fills what a Boot leaves open and stamps the time when a person changed something. Two refusals are made
here, with the exact words that clients look for, because the API server's own schema runs later and says it
differently.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from havok.boots import author, filled_from, names
from havok.boots.config import Platform
from havok.boots.defaults import Filled, fill, remembered_env
from havok.boots.merge import Variables
from havok.boots.names import BootKey
from havok.boots.pin import deploying_hash
from havok.boots.rules import Refusal, env_against_config
from havok.codec import Json
from havok.crds import BootKind, BootSpec
from havok.crds.spec import EnvVar


class Incoming(msgspec.Struct, frozen=True):
    """The part of an object under admission that counts here."""

    spec: BootSpec
    annotations: dict[str, str]
    labels: dict[str, str] = msgspec.field(default_factory=dict)

    @classmethod
    def read(cls, obj: Mapping[str, Any] | None) -> "Incoming | None":
        """None when it is absent or so malformed that the schema will refuse it."""
        try:
            spec = msgspec.convert((obj or {}).get("spec"), BootSpec)
            metadata = (obj or {}).get("metadata") or {}
            annotations, labels = (
                msgspec.convert(metadata.get(name) or {}, dict[str, str])
                for name in ("annotations", "labels")
            )
            return cls(spec, annotations, labels)
        except msgspec.ValidationError:
            return None

    @property
    def hash(self) -> str:
        return deploying_hash(self.spec, self.annotations.get(names.PROFILE, ""))

    @property
    def profile(self) -> str:
        return self.annotations.get(names.PROFILE, "")

    def own_annotations(self) -> dict[str, str]:
        """Without those that the operator writes."""
        return {key: value for key, value in self.annotations.items() if key not in names.WRITTEN_BACK}

    def env_before(self) -> tuple[EnvVar, ...]:
        """The env of the last merge, or what there is: what a change of env is compared with (6.2 rule 4)."""
        remembered = remembered_env(self.annotations)
        return self.spec.env if remembered is None else remembered


def refusal(spec: BootSpec) -> Refusal | None:
    """Why the Boot cannot be, in the words of contract 6.2; None when nothing is wrong."""
    for at, claim in enumerate(spec.pvc):
        field = f"spec.pvc[{at}].name"
        if not claim.name:
            return Refusal(
                "boots.refused.pvc.unnamed",
                "spec.pvc.name in body should be at least 1 chars long",
                f"{field}: give the name of a claim",
                field=field,
            )
        if len(claim.name) > 63:
            return Refusal(
                "boots.refused.pvc.long",
                "spec.pvc.name in body should be at most 63 chars long",
                f"{field}: give the name of a claim",
                field=field, name=claim.name,
            )  # fmt: skip
        if not claim.mount_path:
            field = f"spec.pvc[{at}].mountPath"
            return Refusal(
                "boots.refused.pvc.unmounted",
                "spec.pvc.mountPath in body should be at least 1 chars long",
                f"{field}: give a path like /data",
                field=field,
            )
    return None


def patch(
    kind: BootKind,
    name: str,
    new: Incoming,
    old: Incoming | None,
    platform: Platform | None,
    now: str,
    user: str | None = None,
) -> list[Json]:
    """The JSON patch that fills `new`; empty when nothing is open. `now` is RFC 3339.

    Without a `platform` nothing is filled. `user` is who asks; None: the operator itself, whose writes are
    nobody's change.
    """
    filled = Filled(new.spec, {}) if platform is None else _filled(kind, name, new, old, platform)
    annotations: dict[str, str | None] = {**filled.annotations}
    if old is not None and changed_by_person(new, old):
        annotations[names.LAST_UPDATE] = f'"{now}"'
    if user is not None:
        annotations |= (
            author.by_request(user, filled.spec)
            if old is None or new.spec != old.spec
            else author.untouched(old.annotations, old.spec, filled.spec)
        )
        changed = old is None or new.profile != old.profile or filled.spec != old.spec
        annotations |= filled_from.by_request(
            old.annotations if old else None, platform.digest if platform else None, changed=changed
        )
        annotations |= author.of_rollback(user, new.annotations, old.annotations if old else {})
    return [*_spec_patch(new.spec, filled.spec), *_annotation_patch(new.annotations, annotations)]


def _filled(kind: BootKind, name: str, new: Incoming, old: Incoming | None, platform: Platform) -> Filled:
    """`fill`, but an env that the validating webhook has to refuse is left for it to see."""
    defaults = platform.defaults(kind, new.profile)
    filled = fill(new.spec, new.annotations, name=name, defaults=defaults, environment=platform.environment)
    variables = Variables.of(name, platform.environment, filled.spec.port)
    before = old.env_before() if old is not None else None
    if env_against_config(new.spec.env, before, defaults.env, variables) is None:
        return filled
    return Filled(msgspec.structs.replace(filled.spec, env=new.spec.env), {})


def deploys(key: BootKey, new: Incoming, platform: Platform) -> bool:
    """Whether filling `new` with this config would change what its pods are made from."""
    spec = fill(
        new.spec, new.annotations, name=key.name,
        defaults=platform.defaults(key.kind, new.profile), environment=platform.environment,
    ).spec  # fmt: skip
    return deploying_hash(spec, new.profile) != new.hash


def changed_by_person(new: Incoming, old: Incoming) -> bool:
    """Whether the spec, a label, or an annotation that is not the operator's differs."""
    own = (new.own_annotations(), new.labels) != (old.own_annotations(), old.labels)
    return own or new.spec != old.spec


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


def _annotation_patch(before: Mapping[str, str], wanted: Mapping[str, str | None]) -> list[Json]:
    """Make the annotations as `wanted`, where None means that there must be none."""
    gone = [key for key, value in wanted.items() if value is None and key in before]
    new = {key: value for key, value in wanted.items() if value is not None and before.get(key) != value}
    removed: list[Json] = [{"op": "remove", "path": f"/metadata/annotations/{_token(key)}"} for key in gone]
    if new and not before:
        return [{"op": "add", "path": "/metadata/annotations", "value": new}]
    added = [{"op": "add", "path": f"/metadata/annotations/{_token(key)}", "value": new[key]} for key in new]
    return [*removed, *added]


def _token(key: str) -> str:
    """A map key as RFC 6901 writes it in a path."""
    return key.replace("~", "~0").replace("/", "~1")
