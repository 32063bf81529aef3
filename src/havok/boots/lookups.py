"""What admission has to look up: names, Secrets, claims and priority classes, each one by one with `get`.

Nothing here is listed, watched or kept, and the values of a Secret are never decoded. "There is none" is an
answer; every other failure is `Unchecked`, so that a broken connection or a missing right is never mistaken
for a missing permission of the app.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import msgspec

from havok.boots.names import BootKey
from havok.boots.rbac import SECRET_READER
from havok.boots.rules import Refusal, Secret
from havok.crds import BOOT_KINDS
from havok.kube import Client, Forbidden, KubeError, NotFound
from havok.kube.resources import PRIORITYCLASSES, PVCS, SECRETS
from havok.kube.views import ObjectMeta, PartialObject

T = TypeVar("T")


class Unchecked(Exception):  # noqa: N818  it is a finding, not a failure
    """A look-up failed for another reason than that there is nothing."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


class Lookups:
    """Look-ups by one client, the operator's own."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def holder(self, key: BootKey) -> str:
        """The kind of the Boot that has this name in its namespace; empty when none has. Raises Unchecked."""
        asked = [
            self._find(
                f"whether a {kind.kind} has the name {key.name}",
                "metadata.name",
                self._client.get(kind.resource, key.name, key.namespace, view=PartialObject),
            )
            for kind in BOOT_KINDS
        ]
        found = await asyncio.gather(*asked)
        return next((kind.kind for kind, one in zip(BOOT_KINDS, found, strict=True) if one), "")

    async def secret(self, namespace: str, name: str) -> Secret | None:
        """A Secret's keys and annotations; None when there is none. Raises Unchecked."""
        found = await self._find(
            f"secret {name}", "spec.env", self._client.get(SECRETS, name, namespace, view=_Secret),
            f"bind ClusterRole {SECRET_READER} to the operator in namespace {namespace}",
        )  # fmt: skip
        if found is None:
            return None
        return Secret(frozenset(found.metadata.annotations or {}), frozenset(found.data or {}))

    async def claim(self, namespace: str, name: str) -> ObjectMeta | None:
        """A PersistentVolumeClaim; None when there is none. Raises Unchecked."""
        found = await self._find(
            f"the pvc {name}", "spec.pvc", self._client.get(PVCS, name, namespace, view=PartialObject)
        )
        return found.metadata if found else None

    async def priority_class(self, name: str) -> ObjectMeta | None:
        """A PriorityClass; None when there is none. Raises Unchecked."""
        found = await self._find(
            f"PriorityClass {name}",
            "spec.priority",
            self._client.get(PRIORITYCLASSES, name, view=PartialObject),
        )
        return found.metadata if found else None

    async def _find(self, what: str, field: str, asked: Awaitable[T], right: str = "") -> T | None:
        try:
            return await asked
        except NotFound:
            return None
        except KubeError as error:
            raise Unchecked(_unchecked(what, field, error, right)) from error


def _unchecked(what: str, field: str, error: KubeError, right: str) -> Refusal:
    if isinstance(error, Forbidden):
        remedy = right or "give the operator the right to read it"
        return Refusal(
            "boots.refused.unpermitted",
            f"{what} could not be checked, try again: {error.message}",
            f"{field}: {remedy}",
            field=field, what=what, cause=error.message, remedy=remedy,
        )  # fmt: skip
    return Refusal(
        "boots.refused.unchecked",
        f"{what} could not be checked, try again: {error.message}",
        f"{field}: send the same request again in a moment",
        field=field, what=what, cause=error.message,
    )  # fmt: skip


class _Secret(msgspec.Struct, frozen=True):
    """Keys, and values that stay undecoded."""

    metadata: ObjectMeta = ObjectMeta()
    data: dict[str, msgspec.Raw] | None = None
