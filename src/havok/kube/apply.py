"""Writing objects: server-side apply, equality where it is demanded, status, and taking over.

Invariant: an object that is already as wanted costs no request, and nothing that a person put outside the
compared parts is lost. Conflicts are raised and not argued with: a reconciler reads again and repeats.
"""

from collections.abc import Collection
from typing import Any, Literal

import msgspec

from havok.kube.client import Client
from havok.kube.equality import Path, foreign_patch, guarded
from havok.kube.errors import AlreadyExists, Conflict, Invalid, NotFound
from havok.kube.ownership import Json, Tree, entries, is_applied, union
from havok.kube.resources import Resource
from havok.kube.wire import to_dict, without_none


class Outcome(msgspec.Struct, frozen=True):
    """What was done, and the object as the server has it now."""

    action: Literal["created", "changed", "unchanged"]
    object: Json


async def reconcile_object(
    client: Client,
    resource: Resource,
    desired: Any,
    live: Json | None,
    *,
    field_manager: str,
    equal: tuple[Path, ...] = (),
) -> Outcome:
    """Make the object as `desired`, with as few writes as it takes: none when it is so already.

    `live` is the whole object as last read (a dict, with its managedFields), None when there was none.
    `equal` are the paths where nothing but ours may be (`havok.kube.equality` says what that means);
    elsewhere what other managers own stays. Raises Conflict when the object changed or was replaced since it
    was read, AlreadyExists when it is there after all, Invalid, Denied.
    """
    wanted = _prepared(desired)
    if live is None:
        await _must_be_absent(client, resource, wanted)
        return Outcome("created", await client.apply(resource, wanted, field_manager=field_manager))
    before = current = live
    meta = live["metadata"]
    if operations := foreign_patch(wanted, live, equal=equal, field_manager=field_manager):
        current = await client.patch(
            resource, meta["name"], meta.get("namespace"), body=operations, kind="json",
            field_manager=field_manager,
        )  # fmt: skip
    if not is_applied(wanted, current, field_manager):
        current = await _apply_to(client, resource, wanted, meta["uid"], field_manager)
    changed = current["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    return Outcome("changed" if changed else "unchanged", current)


async def apply_status(
    client: Client, resource: Resource, obj: Any, *, field_manager: str, live: Json | None = None
) -> Outcome:
    """Write `obj.status` through the status subresource; no request when `live` has it already."""
    whole = without_none(to_dict(obj))
    meta = whole["metadata"]
    wanted = {"metadata": {"name": meta["name"]}, "status": whole.get("status", {})}
    if namespace := meta.get("namespace"):
        wanted["metadata"]["namespace"] = namespace
    if live is not None and is_applied(wanted, live, field_manager, subresource="status"):
        return Outcome("unchanged", live)
    applied = await client.apply(resource, wanted, field_manager=field_manager, subresource="status")
    if live is not None and applied["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]:
        return Outcome("unchanged", applied)
    return Outcome("changed", applied)


async def take_over(
    client: Client, resource: Resource, live: Json, *, field_manager: str, managers: Collection[str]
) -> Json:
    """Make what `managers` own (outside subresources) ours, as if we had applied it; returns the object.

    After this an apply that leaves a field out removes it. Nothing else about the object changes, and when
    the managers own nothing there is no request. Raises Conflict.
    """
    ours = [one for one in entries(live) if _is_ours(one, field_manager)]
    theirs = [
        one
        for one in entries(live)
        if one.get("manager") in managers and not one.get("subresource") and one not in ours
    ]
    if not theirs:
        return live
    taken = [*theirs, *ours]
    kept = [one for one in entries(live) if one not in taken]
    fields: Tree = {}
    for entry in taken:
        fields = union(fields, entry.get("fieldsV1") or {})
    mine = {**taken[-1], "manager": field_manager, "operation": "Apply", "fieldsV1": fields}
    operation = {"op": "replace", "path": "/metadata/managedFields", "value": [*kept, mine]}
    meta = live["metadata"]
    return await client.patch(
        resource, meta["name"], meta.get("namespace"), body=guarded(live, [operation]), kind="json",
        field_manager=field_manager,
    )  # fmt: skip


def _prepared(desired: Any) -> Json:
    """Without status, which is not written here, and without empty maps, which nobody owns for long."""
    wanted = {key: value for key, value in without_none(to_dict(desired)).items() if key != "status"}
    return {**wanted, "metadata": {key: value for key, value in wanted["metadata"].items() if value}}


async def _apply_to(client: Client, resource: Resource, wanted: Json, uid: str, field_manager: str) -> Json:
    """Apply to exactly that object: neither create it anew nor hit another one of the same name."""
    exact = {**wanted, "metadata": {**wanted["metadata"], "uid": uid}}
    try:
        return await client.apply(resource, exact, field_manager=field_manager)
    except Invalid as error:
        causes = (error.details.causes if error.details else None) or ()
        if all(cause.field != "metadata.uid" for cause in causes):
            raise
        raise Conflict(
            "kube.conflict", error.message, "read it again and repeat the change", status=409,
            reason="Conflict", details=error.details, detail=error.message,
        ) from error  # fmt: skip


def _is_ours(entry: Json, field_manager: str) -> bool:
    applied = entry.get("manager") == field_manager and entry.get("operation") == "Apply"
    return applied and not entry.get("subresource")


async def _must_be_absent(client: Client, resource: Resource, wanted: Json) -> None:
    # Apply would silently adopt an object that somebody else made; creation must not.
    meta = wanted["metadata"]
    try:
        await client.get(resource, meta["name"], meta.get("namespace"))
    except NotFound:
        return
    raise AlreadyExists(
        "kube.exists",
        f"{resource} {meta['name']} exists already, and what is known about it is out of date",
        "read it again and repeat the change",
        status=409, reason="AlreadyExists", detail=f"{resource} {meta['name']}",
    )  # fmt: skip
