"""Config texts kept for as long as something names them.

Each accepted text is one immutable ConfigMap, named after its digest and shared by all environments that
keep house in one namespace. `Snapshots.collect` removes those that no workload, Boot, revision or central
config names. It takes two rounds: the first marks, a later one deletes, on condition that nobody touched the
snapshot in between. Whoever is about to use one (`keep`, `fetch`) takes the mark off, so a snapshot that is
coming into use is never deleted. What cannot be read counts as naming everything.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Final

from havok.boots import names
from havok.boots.config import KEY, digest_of
from havok.boots.revisions import Rolled
from havok.clock import parse_rfc3339, rfc3339
from havok.codec import Json
from havok.crds import BOOT_KINDS, BOOT_REVISIONS, Boot
from havok.kube import AlreadyExists, Client, Conflict, Gone, NotFound
from havok.kube.resources import CONFIGMAPS, DEPLOYMENTS, STATEFULSETS
from havok.kube.views import ConfigMap, ObjectMeta, PartialObject
from havok.log import get_logger

PREFIX: Final = "logan-app-config-"
LABEL: Final = "havok/config-snapshot"
UNUSED: Final = "havok/unused-since"
"""On a snapshot that nothing named when it was last looked for: the time of that."""
REST: Final = timedelta(hours=1)
"""How long a snapshot stays after nothing names it any more."""
ROUND: Final = 600.0
"""Seconds between two rounds; well below the rest, so that whoever uses one always speaks up in time."""

log = get_logger("boots.snapshots")


class Snapshots:
    """The snapshots in one namespace. `now` is the wall clock."""

    def __init__(self, client: Client, namespace: str, *, now: Callable[[], datetime]) -> None:
        self._client = client
        self._namespace = namespace
        self._now = now

    async def keep(self, digest: str, text: str) -> None:
        """Store `text`, or take the mark off the copy that is there. Raises KubeError."""
        if await self.fetch(digest) is not None:
            return
        try:
            await self._client.create(CONFIGMAPS, _snapshot(PREFIX + digest, self._namespace, text))
        except AlreadyExists:
            log.debug("config_snapshot_kept_by_another", digest=digest)

    async def fetch(self, digest: str) -> str | None:
        """The text of a digest, which is in use from now on; None when it is kept nowhere."""
        name = PREFIX + digest
        try:
            kept = await self._client.get(CONFIGMAPS, name, self._namespace, view=ConfigMap)
            if kept.metadata.annotation(UNUSED):
                await self._mark(name, None)
        except NotFound:
            return None
        text = (kept.data or {}).get(KEY, "")
        if digest_of(text) != digest:
            log.warning("config_snapshot_changed", digest=digest)
            return None
        return text

    async def collect(self, in_force: str = "") -> int:
        """One round; returns how many were deleted. `in_force` counts as named.

        Raises KubeError when something could not be read; then nothing more is deleted.
        """
        kept = [item async for item in self._snapshots()]
        if not kept:
            return 0
        named = {in_force, *await self._named()}
        deleted = 0
        for meta in kept:
            if meta.name.removeprefix(PREFIX) in named:
                if meta.annotation(UNUSED):
                    await self._mark(meta.name, None)
            elif not meta.annotation(UNUSED):
                await self._mark(meta.name, rfc3339(self._now()), version=meta.resource_version)
            elif self._rested(meta.annotation(UNUSED)):
                deleted += await self._delete(meta)
        return deleted

    async def _snapshots(self) -> AsyncIterator[ObjectMeta]:
        found = await self._client.list(
            CONFIGMAPS, self._namespace, view=PartialObject, labels=f"{LABEL}=true"
        )
        for item in found.items:
            if item.metadata.name.startswith(PREFIX):
                yield item.metadata

    async def _named(self) -> set[str]:
        """Every digest that something in the cluster names, asked of the API server itself."""
        found: set[str] = set()
        for resource in (DEPLOYMENTS, STATEFULSETS, BOOT_REVISIONS):
            listing = await self._client.list(resource, view=PartialObject)
            found |= {item.metadata.annotation(names.CONFIG_HASH) for item in listing.items}
        for kind in BOOT_KINDS:
            boots = await self._client.list(kind.resource, view=Boot)
            for boot in boots.items:
                rolled = Rolled.read(boot.metadata.annotations)
                found |= {boot.status.config_hash, (rolled.config if rolled else None) or ""}
        configs = await self._client.list(
            CONFIGMAPS, self._namespace, view=ConfigMap, labels=f"{LABEL}!=true"
        )
        return found | {
            digest_of((item.data or {})[KEY]) for item in configs.items if KEY in (item.data or {})
        }

    def _rested(self, since: str) -> bool:
        try:
            return self._now() - parse_rfc3339(since) >= REST
        except ValueError:
            return False

    async def _mark(self, name: str, since: str | None, *, version: str | None = None) -> None:
        metadata: Json = {"annotations": {UNUSED: since}}
        if version:
            metadata["resourceVersion"] = version
        try:
            await self._client.patch(
                CONFIGMAPS, name, self._namespace,
                body={"metadata": metadata}, field_manager=names.FIELD_MANAGER,
            )  # fmt: skip
        except Conflict:
            log.debug("config_snapshot_in_other_hands", name=name)

    async def _delete(self, meta: ObjectMeta) -> int:
        body = {"preconditions": {"uid": meta.uid, "resourceVersion": meta.resource_version}}
        try:
            await self._client.request("DELETE", CONFIGMAPS.path(self._namespace, meta.name), body=body)
        except (Conflict, NotFound, Gone):
            return 0
        log.info("config_snapshot_deleted", name=meta.name)
        return 1


def _snapshot(name: str, namespace: str, text: str) -> Json:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: "true"}},
        "immutable": True,
        "data": {KEY: text},
    }
