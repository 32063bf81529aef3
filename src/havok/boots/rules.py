"""What a Boot may say, decided from what it says and what was looked up (contract 6.2).

Pure, and shared: the validating webhook refuses by these rules, and the reconciler, which may be the first
to see a Boot when no webhook ran, reports them. What one object alone can tell, the schema and its CEL rules
say; here stands the rest. Each refusal names the field, the reason and the next step; the words that clients
look for come first and stay as they are, byte for byte.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from havok.boots import names
from havok.boots.merge import Variables
from havok.boots.names import BootKey
from havok.crds.spec import EnvVar, KeySelector, PersistentVolumeClaimMount
from havok.kube.views import ObjectMeta

SECRET: Final = "SecretNotPermitted"  # noqa: S105  a reason, not a password
PVC: Final = "PvcNotPermitted"
PRIORITY: Final = "PriorityNotPermitted"
NAME: Final = "NameTaken"
ENV: Final = "EnvNotPermitted"
AUTOSCALING: Final = "AutoscalingInvalid"
CONFIG: Final = "ConfigBroken"
UNCHECKED: Final = "CouldNotBeChecked"

SYSTEM_CLASSES: Final = re.compile(r"system-.*critical")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_FORBIDDEN_SOURCES: Final = ("config_map_key_ref", "field_ref", "resource_field_ref")


class Refusal(msgspec.Struct, frozen=True):
    """Why a Boot cannot be: one word for programs, a sentence with field, reason and next step."""

    reason: str
    message: str
    field: str = ""


class Secret(msgspec.Struct, frozen=True):
    """What admission needs of a Secret. Its values are never decoded."""

    annotations: frozenset[str]
    keys: frozenset[str]


def name_taken(key: BootKey, holder: str) -> Refusal:
    """Rule 1: a Boot of kind `holder` has the name."""
    return Refusal(
        NAME,
        f"the name {key.name} is already used in namespace {key.namespace} by a {holder}; "
        f"metadata.name: choose another one, or delete {holder.lower()} {key.name} first",
        "metadata.name",
    )


def env_syntax(env: Iterable[EnvVar]) -> Refusal | None:
    """Rule 2: where values may come from. Legal names are the schema's business."""
    for at, one in enumerate(env):
        if one.value_from is None:
            continue
        path = f"spec.env[{at}].valueFrom"
        given = [name for name in _FORBIDDEN_SOURCES if getattr(one.value_from, name) is not None]
        secret = one.value_from.secret_key_ref
        if given:
            word = msgspec.structs.fields(type(one.value_from))
            wire = next(field.encode_name for field in word if field.name == given[0])
            return Refusal(
                ENV, f"{path}: {wire} is not allowed for env {one.name}; use value or secretKeyRef", path
            )
        if secret is None:
            return Refusal(
                ENV, f"{path}: env {one.name} names no source; give secretKeyRef, or value instead", path
            )
        if one.value:
            return Refusal(
                ENV, f"{path}: env {one.name} has value and valueFrom; leave one of them out", path
            )
        if wrong := _secret_reference(one.name, secret, f"{path}.secretKeyRef"):
            return wrong
    return None


def _secret_reference(env: str, secret: KeySelector, path: str) -> Refusal | None:
    if len(secret.name) > 253 or not _SUBDOMAIN.fullmatch(secret.name):
        return Refusal(
            ENV,
            f'{path}.name: "{secret.name}" of env {env} is no name of a Secret; '
            "use lower case letters, digits, '-' and '.', at most 253",
            f"{path}.name",
        )
    if len(secret.key) > 253 or not _KEY.fullmatch(secret.key) or secret.key in (".", "..") or (
        secret.key.startswith("..")
    ):  # fmt: skip
        return Refusal(
            ENV,
            f'{path}.key: "{secret.key}" of env {env} is no key of a Secret; '
            "use letters, digits, '-', '_' and '.', at most 253",
            f"{path}.key",
        )
    return None


def secret_permission(key: BootKey, at: int, asked: KeySelector, secret: Secret | None) -> Refusal | None:
    """Rule 3 for the secretKeyRef of the env at `at`; `secret` is None when there is none of that name."""
    path = f"spec.env[{at}].valueFrom.secretKeyRef"
    mark = f"{names.PREFIX}secret-{key.name}"
    if secret is None:
        return Refusal(
            SECRET,
            f"{path}.name: secret {asked.name} is not in namespace {key.namespace}; "
            "create it, or correct the name",
            f"{path}.name",
        )
    if asked.key not in secret.keys:
        return Refusal(
            SECRET,
            f"{path}.key: secret {asked.name} has no key {asked.key}; add the key, or correct it",
            f"{path}.key",
        )
    if mark not in secret.annotations:
        return Refusal(
            SECRET,
            f"{path}: secret {asked.name} does not permit boot {key.name}; "
            f"its owner permits it by: kubectl annotate secret {asked.name} -n {key.namespace} {mark}=true",
            path,
        )
    return None


def env_against_config(
    env: Iterable[EnvVar],
    remembered: Iterable[EnvVar] | None,
    platform: Iterable[EnvVar],
    variables: Variables,
) -> Refusal | None:
    """Rule 4. `remembered` is the env before the change, None for a new Boot; `platform` the config's."""
    before = {one.name: one for one in remembered or ()}
    wanted = {one.name: _expanded(one, variables) for one in platform}
    new = tuple(env)
    for name in before.keys() - {one.name for one in new}:
        if name in wanted:
            return Refusal(
                ENV,
                f"spec.env: env {name} is set by the central config and cannot be deleted; put it back",
                "spec.env",
            )
    for at, one in enumerate(new):
        config = wanted.get(one.name)
        unchanged = one == before.get(one.name)
        if config is None or unchanged or _expanded(one, variables) == config:
            continue
        shown = "from a Secret" if config.value_from else f'"{config.value}"'
        return Refusal(
            ENV,
            f"spec.env[{at}]: env {one.name} is set by the central config to {shown} and cannot be "
            "another; leave it out, or give it that value",
            f"spec.env[{at}]",
        )
    return None


def _expanded(one: EnvVar, variables: Variables) -> EnvVar:
    return msgspec.structs.replace(one, value=variables.expand(one.value))


def priority_permission(namespace: str, name: str, found: ObjectMeta | None) -> Refusal | None:
    """Rule 7; `found` is None when there is no such PriorityClass."""
    field, mark = "spec.priority", f"{names.PREFIX}priority-{namespace}"
    if found is None:
        return Refusal(
            PRIORITY,
            f"{field}: PriorityClass {name} does not exist; "
            "`kubectl get priorityclasses` lists those that do",
            field,
        )
    if SYSTEM_CLASSES.fullmatch(name) and namespace != "kube-system":
        return Refusal(
            PRIORITY,
            f"{field}: PriorityClass {name} is for namespace kube-system alone; choose another one",
            field,
        )
    if mark not in (found.annotations or {}):
        return Refusal(
            PRIORITY,
            f"{field}: PriorityClass {name} does not permit namespace {namespace}; "
            f"an administrator permits it by: kubectl annotate priorityclass {name} {mark}=true",
            field,
        )
    return None


def claim_syntax(at: int, claim: PersistentVolumeClaimMount, name: str) -> Refusal | None:
    """Rule 8 as far as the entry alone tells; `name` is the decoded one."""
    path = f"spec.pvc[{at}]"
    if not name or len(name) > 63:
        return Refusal(
            PVC,
            f"the pvc name {name} must be not empty and no more than 63 characters; "
            f"{path}.name: give a claim of such a name",
            f"{path}.name",
        )
    if not _LABEL.fullmatch(name):
        return Refusal(
            PVC,
            f"the pvc {name} is a DNS-1123 label. {path}.name: use lower case letters, digits and '-', "
            "a letter or digit at both ends",
            f"{path}.name",
        )
    if not claim.mount_path or ":" in claim.mount_path:
        return Refusal(
            PVC,
            "the pvc MountPath must be not empty and  not contain ':'; "
            f"{path}.mountPath: give a path like /data",
            f"{path}.mountPath",
        )
    return None


def claim_permission(
    key: BootKey, at: int, claim: PersistentVolumeClaimMount, name: str, found: ObjectMeta | None
) -> Refusal | None:
    """Rule 8 for the claim that was looked up; None when there is none of that name."""
    path = f"spec.pvc[{at}]"
    if found is None:
        return Refusal(
            PVC,
            f"{path}.name: the pvc {name} is not in namespace {key.namespace}; "
            "create it, or correct the name",
            f"{path}.name",
        )
    labels: Mapping[str, str] = found.labels or {}
    if labels.get("shared") == "true":
        if claim.read_only:
            return None
        return Refusal(
            PVC,
            f"{path}.readOnly: the pvc {name} is shared and can only be mounted read-only; "
            "set readOnly to true",
            f"{path}.readOnly",
        )
    if labels == key.pod_labels:
        return None
    return Refusal(
        PVC,
        f"the pvc {name}'s label don't match the boot {key.name}; {path}.name: its labels must be exactly "
        f"{key.selector_text}, or shared=true for a read-only mount",
        f"{path}.name",
    )
