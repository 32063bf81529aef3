"""The rules of contract 6.2 in their order, look-ups between them; the first that fails is the answer.

`admit` is what the validating webhook asks, `before_writing` what the reconciler asks of a Boot that it is
about to make real, since no webhook need have seen it. Nothing is changed by asking.
"""

import msgspec

from havok.boots import fit_rules, rules, scaling_rules
from havok.boots.config import Defaults
from havok.boots.lookups import Lookups, Unchecked
from havok.boots.merge import Variables
from havok.boots.names import BootKey
from havok.boots.rules import Refusal
from havok.crds import BootSpec
from havok.crds.spec import EnvVar


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A Boot under admission."""

    key: BootKey
    spec: BootSpec
    environment: str
    remembered: tuple[EnvVar, ...] | None
    """The env before the change; None for a new Boot."""
    defaults: Defaults | None
    """The block of the central config; None while there is no readable one."""
    broken: str = ""
    """Why there is none."""
    restored: bool = False
    """Whether the operator brings an earlier revision back: what its env was, it may be again."""

    @property
    def variables(self) -> Variables:
        port = self.spec.port or (self.defaults.port if self.defaults else 0)
        return Variables.of(self.key.name, self.environment, port)


async def admit(case: Case, lookups: Lookups) -> Refusal | None:
    """Why the Boot cannot be as it is; None when nothing is wrong."""
    try:
        if case.remembered is None and (holder := await lookups.holder(case.key)):
            return rules.name_taken(case.key, holder)
        return (
            rules.env_syntax(case.spec.env)
            or await _secrets(case.key, case.spec, lookups)
            or _config(case)
            or await _rest(case.key, case.spec, case.variables, lookups)
            or fit_rules.claims(case.spec, case.defaults.pod_spec if case.defaults else {})
        )
    except Unchecked as error:
        return error.refusal


async def before_writing(key: BootKey, spec: BootSpec, environment: str, lookups: Lookups) -> Refusal | None:
    """Why a filled Boot must not be made real; its env is the platform's already."""
    variables = Variables.of(key.name, environment, spec.port)
    try:
        return (
            rules.env_syntax(spec.env)
            or await _secrets(key, spec, lookups)
            or await _rest(key, spec, variables, lookups)
        )
    except Unchecked as error:
        return error.refusal


def _config(case: Case) -> Refusal | None:
    """Rule 4; without a readable config, whatever it would have to say is refused."""
    if case.restored:
        return None
    if case.defaults is None:
        asks = case.spec.env != (case.remembered or ())
        asks = asks or (case.spec.port == 0 and any("${PORT}" in claim.name for claim in case.spec.pvc))
        if not asks:
            return None
        return Refusal(
            "boots.refused.config",
            f"central config is broken, {case.broken}; nothing was changed",
            "spec.env: ask who keeps the platform to correct it: `havok config check FILE` names every line",
            field="spec.env", cause=case.broken,
        )  # fmt: skip
    return rules.env_against_config(case.spec.env, case.remembered, case.defaults.env, case.variables)


async def _secrets(key: BootKey, spec: BootSpec, lookups: Lookups) -> Refusal | None:
    """Rule 3; each Secret is read once."""
    read: dict[str, rules.Secret | None] = {}
    for at, one in enumerate(spec.env):
        asked = one.value_from.secret_key_ref if one.value_from else None
        if asked is None:
            continue
        if asked.name not in read:
            read[asked.name] = await lookups.secret(key.namespace, asked.name)
        if wrong := rules.secret_permission(key, at, asked, read[asked.name]):
            return wrong
    return None


async def _rest(key: BootKey, spec: BootSpec, variables: Variables, lookups: Lookups) -> Refusal | None:
    """Rules 5, 7 and 8, and whether pods can be so at all. Rule 6 is a CEL rule of the schema."""
    if wrong := scaling_rules.metrics(spec.hpa):
        return wrong
    if spec.priority:
        found = await lookups.priority_class(spec.priority)
        if wrong := rules.priority_permission(key.namespace, spec.priority, found):
            return wrong
    for at, claim in enumerate(spec.pvc):
        name = variables.expand(claim.name)
        if wrong := rules.claim_syntax(at, claim, name):
            return wrong
        claimed = await lookups.claim(key.namespace, name)
        if wrong := rules.claim_permission(key, at, claim, name, claimed):
            return wrong
    return fit_rules.fit(spec, variables)
