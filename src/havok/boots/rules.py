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
from havok.errors import UsageError
from havok.kube.views import ObjectMeta

REASONS: Final = {
    "name": "NameTaken",
    "env": "EnvNotPermitted",
    "secret": "SecretNotPermitted",
    "hpa": "AutoscalingInvalid",
    "priority": "PriorityNotPermitted",
    "pvc": "PvcNotPermitted",
    "selector": "NodeSelectorInvalid",
    "resources": "ResourcesInvalid",
    "config": "ConfigBroken",
    "unchecked": "CouldNotBeChecked",
    "unpermitted": "CouldNotBeChecked",
}
"""The third word of a refusal's code → the reason of the condition that says the same."""
SYSTEM_CLASSES: Final = re.compile(r"system-.*critical")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_FORBIDDEN_SOURCES: Final = {
    "config_map_key_ref": "configMapKeyRef",
    "field_ref": "fieldRef",
    "resource_field_ref": "resourceFieldRef",
}


WHOLE_SENTENCES = frozenset(
    {
        "boots.refused.config",
        "boots.refused.pvc.unnamed",
        "boots.refused.pvc.long",
        "boots.refused.pvc.unmounted",
    }
)
"""Codes whose answer ends with its sentence; only people at the CLI are told the next step."""


class Refusal(UsageError):  # noqa: N818  it is a finding, and mostly returned
    """Why a Boot cannot be. It is returned by rules, and sent over the wire with its code and values."""

    @property
    def reason(self) -> str:
        """One word for programs."""
        return REASONS[self.code.split(".")[2]]

    @property
    def text(self) -> str:
        """The sentence with its next step, as it stands in answers and conditions."""
        whole = self.code in WHOLE_SENTENCES or not self.hint
        return self.message if whole else f"{self.message}; {self.hint}"


class Secret(msgspec.Struct, frozen=True):
    """What admission needs of a Secret. Its values are never decoded."""

    annotations: frozenset[str]
    keys: frozenset[str]


def name_taken(key: BootKey, holder: str) -> Refusal:
    """Rule 1: a Boot of kind `holder` has the name."""
    return Refusal(
        "boots.refused.name",
        f"the name {key.name} is already used in namespace {key.namespace} by a {holder}",
        f"metadata.name: choose another one, or delete the {holder} {key.name} first",
        field="metadata.name", name=key.name, namespace=key.namespace, holder=holder,
    )  # fmt: skip


def env_syntax(env: Iterable[EnvVar]) -> Refusal | None:
    """Rule 2: where values may come from. Legal names are the schema's business."""
    for at, one in enumerate(env):
        if one.value_from is None:
            continue
        path = f"spec.env[{at}].valueFrom"
        secret = one.value_from.secret_key_ref
        given = [wire for name, wire in _FORBIDDEN_SOURCES.items() if getattr(one.value_from, name)]
        if given:
            return Refusal(
                "boots.refused.env.source",
                f"{path}: {given[0]} is not allowed for env {one.name}",
                "use value or secretKeyRef",
                field=path, source=given[0], env=one.name,
            )  # fmt: skip
        if secret is None:
            return Refusal(
                "boots.refused.env.nothing",
                f"{path}: env {one.name} names no source",
                "give secretKeyRef, or value instead",
                field=path, env=one.name,
            )  # fmt: skip
        if one.value:
            return Refusal(
                "boots.refused.env.both",
                f"{path}: env {one.name} has value and valueFrom",
                "leave one of them out",
                field=path, env=one.name,
            )  # fmt: skip
        if wrong := _secret_reference(one.name, secret, f"{path}.secretKeyRef"):
            return wrong
    return None


def _secret_reference(env: str, secret: KeySelector, path: str) -> Refusal | None:
    if len(secret.name) > 253 or not _SUBDOMAIN.fullmatch(secret.name):
        return Refusal(
            "boots.refused.env.secret",
            f'{path}.name: "{secret.name}" of env {env} is no name of a Secret',
            "use lower case letters, digits, '-' and '.', at most 253",
            field=f"{path}.name", name=secret.name, env=env,
        )  # fmt: skip
    if len(secret.key) > 253 or not _KEY.fullmatch(secret.key) or secret.key in (".", ".."):
        return _no_key(env, secret, path)
    return _no_key(env, secret, path) if secret.key.startswith("..") else None


def _no_key(env: str, secret: KeySelector, path: str) -> Refusal:
    return Refusal(
        "boots.refused.env.key",
        f'{path}.key: "{secret.key}" of env {env} is no key of a Secret',
        "use letters, digits, '-', '_' and '.', at most 253",
        field=f"{path}.key", name=secret.key, env=env,
    )  # fmt: skip


def secret_permission(key: BootKey, at: int, asked: KeySelector, secret: Secret | None) -> Refusal | None:
    """Rule 3 for the secretKeyRef of the env at `at`; `secret` is None when there is none of that name."""
    path, name = f"spec.env[{at}].valueFrom.secretKeyRef", asked.name
    mark = f"{names.PREFIX}secret-{key.name}"
    if secret is None:
        return Refusal(
            "boots.refused.secret.absent",
            f"{path}.name: secret {name} is not in namespace {key.namespace}",
            "create it, or correct the name",
            field=f"{path}.name", name=name, namespace=key.namespace,
        )  # fmt: skip
    if asked.key not in secret.keys:
        return Refusal(
            "boots.refused.secret.key",
            f"{path}.key: secret {name} has no key {asked.key}",
            "add the key, or correct it",
            field=f"{path}.key", name=name, key=asked.key,
        )  # fmt: skip
    if mark not in secret.annotations:
        return Refusal(
            "boots.refused.secret.permission",
            f"{path}: secret {name} does not permit boot {key.name}",
            f"its owner permits it by: kubectl annotate secret {name} -n {key.namespace} {mark}=true",
            field=path, name=name, boot=key.name, namespace=key.namespace, mark=mark,
        )  # fmt: skip
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
    kept = {one.name for one in new}
    for name in (name for name in before if name not in kept and name in wanted):
        return Refusal(
            "boots.refused.env.deleted",
            f"spec.env: env {name} is set by the central config and cannot be deleted",
            "put it back",
            field="spec.env", env=name,
        )  # fmt: skip
    for at, one in enumerate(new):
        config = wanted.get(one.name)
        unchanged = one == before.get(one.name)
        if config is None or unchanged or _expanded(one, variables) == config:
            continue
        path, value = f"spec.env[{at}]", "from a Secret" if config.value_from else f'"{config.value}"'
        return Refusal(
            "boots.refused.env.value",
            f"{path}: env {one.name} is set by the central config to {value} and cannot be another",
            "leave it out, or give it that value",
            field=path, env=one.name, value=value,
        )  # fmt: skip
    return None


def _expanded(one: EnvVar, variables: Variables) -> EnvVar:
    return msgspec.structs.replace(one, value=variables.expand(one.value))


def priority_permission(namespace: str, name: str, found: ObjectMeta | None) -> Refusal | None:
    """Rule 7; `found` is None when there is no such PriorityClass."""
    mark = f"{names.PREFIX}priority-{namespace}"
    if found is None:
        return Refusal(
            "boots.refused.priority.absent",
            f"spec.priority: PriorityClass {name} does not exist",
            "`kubectl get priorityclasses` lists those that do",
            field="spec.priority", name=name,
        )  # fmt: skip
    if SYSTEM_CLASSES.fullmatch(name) and namespace != "kube-system":
        return Refusal(
            "boots.refused.priority.system",
            f"spec.priority: PriorityClass {name} is for namespace kube-system alone",
            "choose another one",
            field="spec.priority", name=name,
        )  # fmt: skip
    if mark not in (found.annotations or {}):
        return Refusal(
            "boots.refused.priority.permission",
            f"spec.priority: PriorityClass {name} does not permit namespace {namespace}",
            f"an administrator permits it by: kubectl annotate priorityclass {name} {mark}=true",
            field="spec.priority", name=name, namespace=namespace, mark=mark,
        )  # fmt: skip
    return None


def claim_syntax(at: int, claim: PersistentVolumeClaimMount, name: str) -> Refusal | None:
    """Rule 8 as far as the entry alone tells; `name` is the decoded one."""
    path = f"spec.pvc[{at}]"
    if not name or len(name) > 63:
        return Refusal(
            "boots.refused.pvc.length",
            f"the pvc name {name} must be not empty and no more than 63 characters",
            f"{path}.name: give a claim of such a name",
            field=f"{path}.name", path=path, name=name,
        )  # fmt: skip
    if not _LABEL.fullmatch(name):
        return Refusal(
            "boots.refused.pvc.label",
            f"the pvc {name} is a DNS-1123 label. {path}.name has other characters",
            "use lower case letters, digits and '-', with a letter or digit at both ends",
            field=f"{path}.name", path=path, name=name,
        )  # fmt: skip
    if not claim.mount_path or ":" in claim.mount_path:
        return Refusal(
            "boots.refused.pvc.path",
            "the pvc MountPath must be not empty and  not contain ':'",
            f"{path}.mountPath: give a path like /data",
            field=f"{path}.mountPath", path=path,
        )  # fmt: skip
    return None


def claim_permission(
    key: BootKey, at: int, claim: PersistentVolumeClaimMount, name: str, found: ObjectMeta | None
) -> Refusal | None:
    """Rule 8 for the claim that was looked up; None when there is none of that name."""
    path = f"spec.pvc[{at}]"
    if found is None:
        return Refusal(
            "boots.refused.pvc.absent",
            f"{path}.name: the pvc {name} is not in namespace {key.namespace}",
            "create it, or correct the name",
            field=f"{path}.name", path=path, name=name, namespace=key.namespace,
        )  # fmt: skip
    labels: Mapping[str, str] = found.labels or {}
    if labels.get("shared") == "true":
        if claim.read_only:
            return None
        return Refusal(
            "boots.refused.pvc.shared",
            f"{path}.readOnly: the pvc {name} is shared and can only be mounted read-only",
            "set readOnly to true",
            field=f"{path}.readOnly", path=path, name=name,
        )  # fmt: skip
    if labels == key.pod_labels:
        return None
    return Refusal(
        "boots.refused.pvc.labels",
        f"the pvc {name}'s label don't match the boot {key.name}",
        f"{path}.name: its labels must be exactly {key.selector_text}, or shared=true for a read-only mount",
        field=f"{path}.name", path=path, name=name, boot=key.name, labels=key.selector_text,
    )  # fmt: skip
