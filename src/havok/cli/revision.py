"""Revisions as the commands read them: those of one Boot, and one by its number."""

from typing import Any

import msgspec

from havok.boots import names, revisions
from havok.boots.spec_diff import Difference, differences
from havok.cli.connect import Cluster, FoundBoot
from havok.crds import BOOT_REVISIONS, BootRevision, boot_kind
from havok.errors import ConflictError, NotFoundError, UsageError


async def history_of(cluster: Cluster, boot: FoundBoot) -> list[tuple[BootRevision, dict[str, Any]]]:
    """The Boot's revisions, oldest first, each with the object itself."""
    row = boot_kind(boot.resource.kind)
    kind = row.boot_type if row else ""
    found = await cluster.client.list(
        BOOT_REVISIONS, boot.namespace, view=dict, labels=f"app=havok,bootName={boot.name},bootType={kind}"
    )
    whole = {"apiVersion": BOOT_REVISIONS.api_version, "kind": BOOT_REVISIONS.kind}
    objects = {one["metadata"]["name"]: {**whole, **one} for one in found.items}
    read = [msgspec.convert(one, BootRevision) for one in objects.values()]
    own = revisions.own(read, boot.object["metadata"]["uid"])
    return [(one, objects[one.metadata.name]) for one in own]


def pick(history: list[BootRevision], id_: int, boot: FoundBoot) -> BootRevision:
    """The revision of this number. Raises NotFoundError `cli.revision.missing`."""
    found = revisions.find(history, id_)
    if found is not None:
        return found
    kept = ", ".join(str(revisions.number(one)) for one in history) or "-"
    raise NotFoundError(
        "cli.revision.missing",
        f"{boot.name} has no revision {id_}",
        f"kept are: {kept}; `havok history {boot.name}` shows them",
        name=boot.name, id=id_, kept=kept,
    )  # fmt: skip


def good(history: list[BootRevision], boot: FoundBoot) -> BootRevision:
    """The last revision before the present one that ran. Raises UsageError `cli.revision.none_good`."""
    found = revisions.last_good(history)
    if found is not None:
        return found
    raise UsageError(
        "cli.revision.none_good",
        f"no earlier revision of {boot.name} was ever healthy",
        f"name one: `havok history {boot.name}` shows them",
        name=boot.name,
    )


def changes(before: BootRevision, after: BootRevision) -> list[Difference]:
    """What differs between two revisions: spec, profile and the platform's config."""
    return differences(_told(before), _told(after))


def not_paused(boot: FoundBoot) -> None:
    """Raises ConflictError `cli.boot.paused`: nothing would happen, and waiting for it would be in vain."""
    paused = (boot.object["metadata"].get("annotations") or {}).get(names.PAUSED, "")
    if paused and paused != "false":
        raise ConflictError(
            "cli.boot.paused",
            f"{boot.name} is paused: its pods are left as they are",
            f"`havok resume {boot.name}` first, or give --no-wait",
            name=boot.name,
        )


def _told(revision: BootRevision) -> dict[str, Any]:
    annotations = revision.metadata.annotations
    marks = {"profile": annotations.get(names.PROFILE), "config": annotations.get(names.CONFIG_HASH)}
    spec = msgspec.to_builtins(msgspec.structs.replace(revision.spec, replicas=None))
    return {"spec": spec, **{key: value for key, value in marks.items() if value is not None}}
