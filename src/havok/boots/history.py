"""Keeping the revisions of one Boot on the API server; what they are is decided by `revisions`.

A revision's name is the Boot's and the next number, so two passes, two replicas or a retry make one revision
and not two: the second is told that it exists, reads it and compares again.
"""

from collections.abc import Callable, Iterable

import msgspec

from havok.boots import author, names, revisions
from havok.boots.names import FIELD_MANAGER, BootKey
from havok.boots.revisions import Made, Rolled
from havok.boots.world import World
from havok.crds import BOOT_REVISIONS, Boot, BootRevision, BootSpec
from havok.kube import AlreadyExists, Client, Conflict, NotFound
from havok.kube.views import ObjectMeta

Entry = tuple[Boot, BootSpec, str]
"""A state of the Boot, its spec with nothing left open, and the digest of the config that it takes."""


class History:
    """The revisions of one Boot, during one pass."""

    def __init__(
        self, client: Client, world: World, key: BootKey, uid: str, *,
        keep: int, ignored: tuple[str, ...], wrote: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._client, self._key, self._uid = client, key, uid
        self._keep, self._ignored, self._wrote = keep, ignored, wrote
        self._known = {one.metadata.name: one for one in world.revisions_of(key)}

    @property
    def entries(self) -> list[BootRevision]:
        """Oldest first."""
        return revisions.own(self._known.values(), self._uid)

    @property
    def latest(self) -> str:
        """The number of the latest; empty while there is none."""
        entries = self.entries
        return str(revisions.number(entries[-1])) if entries else ""

    async def record(self, states: Iterable[Entry]) -> None:
        """Give each state that is new its revision. Raises KubeError."""
        for boot, spec, config in states:
            profile = boot.metadata.annotation(names.PROFILE)
            generation = boot.metadata.generation
            while revisions.is_new(spec, profile, generation, self.entries, self._ignored):
                await self._create(boot, spec, config, profile)

    async def settle(self, *, active: bool) -> None:
        """Adopt what has no owner, write phases, and drop what is too old. Raises KubeError."""
        for one in self.entries:
            if one.metadata.controller is None:
                await self._patch(one, {"ownerReferences": [self._key.owner_reference(self._uid)]})
        for one, phase in revisions.phases(self.entries, active=active):
            await self._patch(one, {"annotations": {names.PHASE: phase}})
        for one in revisions.surplus(self.entries, self._keep):
            await self._delete(one.metadata)

    async def _create(self, boot: Boot, spec: BootSpec, config: str, profile: str) -> None:
        entries = self.entries
        taken = max((revisions.number(one) for one in self._known.values()), default=0)
        made = self._made(boot, config, profile, spec)
        body = revisions.build(
            self._key, self._uid, spec, made, number=taken + 1,
            before=entries[-1].spec if entries else None,
        )  # fmt: skip
        name = body["metadata"]["name"]
        try:
            answer = await self._client.create(BOOT_REVISIONS, body, field_manager=FIELD_MANAGER)
        except AlreadyExists:
            answer = await self._client.get(BOOT_REVISIONS, name, self._key.namespace)
        else:
            self._wrote(BOOT_REVISIONS.plural)
        self._known[name] = msgspec.convert(answer, BootRevision)

    def _made(self, boot: Boot, config: str, profile: str, spec: BootSpec) -> Made:
        annotations = boot.metadata.annotations
        rolled = Rolled.read(annotations)
        restored = rolled if rolled and rolled.generation == boot.metadata.generation else None
        return Made(
            generation=boot.metadata.generation,
            config=config,
            by=(restored.by if restored else author.of(annotations, spec)) or author.UNKNOWN,
            reason=restored.reason if restored else "",
            restored=restored.to if restored else 0,
            profile=profile,
            ignored=self._ignored,
        )

    async def _patch(self, one: BootRevision, metadata: dict[str, object]) -> None:
        """Change one as we know it; what changed meanwhile, the watch brings again."""
        body = {"metadata": {"resourceVersion": one.metadata.resource_version, **metadata}}
        name = one.metadata.name
        try:
            answer = await self._client.patch(
                BOOT_REVISIONS, name, self._key.namespace, body=body, field_manager=FIELD_MANAGER
            )
        except (Conflict, NotFound):
            return
        self._wrote(BOOT_REVISIONS.plural)
        self._known[name] = msgspec.convert(answer, BootRevision)

    async def _delete(self, metadata: ObjectMeta) -> None:
        try:
            await self._client.delete(BOOT_REVISIONS, metadata.name, metadata.namespace, uid=metadata.uid)
            self._wrote(BOOT_REVISIONS.plural)
        except (NotFound, Conflict):
            pass
        self._known.pop(metadata.name, None)
