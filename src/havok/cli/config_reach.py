"""Which Boots of a cluster a new central config reaches, and which would not work any more.

Reads the Boots of all namespaces; nothing is changed. Whether the pods would be taken is asked of the API
server by a dry run, where the person may do that.
"""

import asyncio
from collections import defaultdict
from typing import Final

import msgspec

from havok.boots import config as boots_config
from havok.boots.config import Platform
from havok.boots.names import FIELD_MANAGER, BootKey
from havok.boots.reach import Reached, environment_of, reached
from havok.cli.connect import Cluster
from havok.cli.console import Console
from havok.codec import Json
from havok.crds import BOOT_KINDS, Boot
from havok.errors import HavokError, UsageError
from havok.kube import Forbidden, Invalid, NotFound
from havok.kube.resources import DEPLOYMENTS, STATEFULSETS

AT_ONCE: Final = 8
"""Dry runs at a time."""
NAMED: Final = 20
"""Boots that are named of those reached; all of the invalid ones are."""


class Report(msgspec.Struct, frozen=True):
    """The Boots reached, and why some would become invalid; `unasked`: the cluster could not be asked."""

    boots: int
    reached: tuple[str, ...]
    invalid: dict[str, str]
    unasked: bool = False

    def as_json(self) -> Json:
        return {"boots": self.boots, "reached": self.reached, "invalid": self.invalid}

    def lines(self, console: Console) -> list[str]:
        """The report in the person's language."""
        told = [console.say("config.reaches", count=len(self.reached), of=self.boots)]
        told += [f"  {label}" for label in self.reached[:NAMED]]
        if len(self.reached) > NAMED:
            told.append(console.say("config.rest", count=len(self.reached) - NAMED))
        if self.invalid:
            told.append(console.say("config.invalid", count=len(self.invalid)))
            told += [f"  {label}: {why}" for label, why in self.invalid.items()]
        if self.unasked:
            told.append(console.say("config.unasked"))
        return told

    def raise_if_invalid(self) -> None:
        """Raises UsageError `cli.config.invalid` when a Boot would become invalid."""
        if not self.invalid:
            return
        label, why = next(iter(self.invalid.items()))
        raise UsageError(
            "cli.config.invalid",
            f"{len(self.invalid)} Boots would become invalid at their next deploy; the first: {label}: {why}",
            "correct the config, or those Boots first",
            count=len(self.invalid), boot=label, reason=why,
        )  # fmt: skip


async def report(cluster: Cluster, old: str, new: str, default: str) -> Report:
    """What changing the text from `old` to `new` means; `default`: the environment of namespaces without a
    suffix. Raises KubeError, ConfigError for `new`.
    """
    groups: dict[str, list[tuple[BootKey, Boot]]] = defaultdict(list)
    for kind in BOOT_KINDS:
        try:
            listing = await cluster.client.list(kind.resource, view=Boot)
        except NotFound:
            continue
        for boot in listing.items:
            meta = boot.metadata
            key = BootKey(kind, meta.namespace, meta.name)
            groups[environment_of(meta.namespace, default)].append((key, boot))
    found: list[Reached] = []
    for environment, boots in groups.items():
        found += reached(boots, _before(old, environment), boots_config.parse(new, environment))
    found.sort(key=lambda one: one.label)
    asked = _Asked(cluster)
    flaws = await asked.flaws(found)
    return Report(
        sum(map(len, groups.values())),
        tuple(one.label for one in found),
        {one.label: flaw for one, flaw in zip(found, flaws, strict=True) if flaw},
        asked.refused,
    )


def _before(text: str, environment: str) -> Platform:
    """What is in force; the built-in defaults, when that is absent or broken."""
    try:
        return boots_config.parse(text, environment)
    except HavokError:
        return boots_config.built_in(environment)


class _Asked:
    """Dry runs against the API server."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._few = asyncio.Semaphore(AT_ONCE)
        self.refused = False
        """Whether the person may not do this, so that some were not asked about."""

    async def flaws(self, found: list[Reached]) -> list[str]:
        """For each why it would not work; empty when it would."""
        return list(await asyncio.gather(*(self._flaw(one) for one in found)))

    async def _flaw(self, one: Reached) -> str:
        if one.flaw:
            return one.flaw
        async with self._few:
            after = await self._refusal(one.after.workload)
            if after and await self._refusal(one.before.workload):
                return ""  # it does not become invalid: it is
            return after

    async def _refusal(self, workload: Json) -> str:
        if self.refused:
            return ""
        resource = STATEFULSETS if workload["kind"] == "StatefulSet" else DEPLOYMENTS
        try:
            await self._cluster.client.apply(resource, workload, field_manager=FIELD_MANAGER, dry_run=True)
        except Invalid as error:
            return error.message
        except Forbidden:
            self.refused = True
        return ""
