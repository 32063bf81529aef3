"""Parts of an object that must be equal to what we want, and what others put there in the meantime.

Server-side apply never removes what another manager owns. Where equality is demanded, the entries that are
not ours are removed by a JSON patch. Pure: this module only computes the object as it should be and the patch
that leads there.

A path is a tuple of steps: a field's name, ``[name=app]`` for the list item with that field, and as the last
step also ``prefix*`` for the fields of a map that begin so. What "equal" means at the end of a path:

    a map       no further keys; inside its values, nothing that another manager added
    a list      the same items in the same order; inside an item, nothing that another manager added
    an item     the fields that identify it are ours, and no other item claims the same identity
    a value     absent when we want it absent (another value is put right by apply)

What the server filled in belongs to nobody and stays.
"""

from copy import deepcopy
from typing import Any, Final, TypeAlias

from havok.kube.ownership import (
    Json,
    Tree,
    covers,
    fits,
    merge_keys,
    owned_by_anyone,
    owned_by_others,
    owns,
    subtree,
)

Path: TypeAlias = tuple[str, ...]
Operation: TypeAlias = dict[str, Any]

ABSENT: Final = object()
"""No value at all; None would be one."""


class _Owned:
    """Where we are in the trees of ownership, and whether what is ours is to be put back."""

    __slots__ = ("anyone", "others", "restore")

    def __init__(self, others: Tree, anyone: Tree, restore: bool) -> None:
        self.others = others
        self.anyone = anyone
        self.restore = restore

    def below(self, key: str | Json) -> "_Owned":
        """At a field, or at an item of a list."""
        return _Owned(subtree(self.others, key), subtree(self.anyone, key), self.restore)


def foreign_patch(
    desired: Json, live: Json, *, equal: tuple[Path, ...], field_manager: str
) -> list[Operation]:
    """The JSON patch that removes what is foreign at the paths of `equal`; empty when there is nothing.

    Once it is needed it makes those paths equal in every respect, so that a workload rolls out once and not
    twice. Guarded by uid and resourceVersion: applied to anything but exactly this `live` it is a Conflict.
    """
    if without_foreign(desired, live, equal=equal, field_manager=field_manager) == live:
        return []
    wanted = without_foreign(desired, live, equal=equal, field_manager=field_manager, restore=True)
    return guarded(live, json_patch(live, wanted))


def guarded(live: Json, operations: list[Operation]) -> list[Operation]:
    """The patch, made to fail with Conflict when the object is not exactly `live` any more."""
    version = live["metadata"]["resourceVersion"]
    uid = live["metadata"]["uid"]
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/metadata/uid", "value": uid},
        *operations,
    ]


def without_foreign(
    desired: Json, live: Json, *, equal: tuple[Path, ...], field_manager: str, restore: bool = False
) -> Json:
    """A copy of `live` without what is foreign at the paths of `equal`; `restore`: with all that is ours."""
    owned = _Owned(owned_by_others(live, field_manager), owned_by_anyone(live), restore)
    result = deepcopy(live)
    for path in equal:
        _descend(desired, result, owned, path)
    return result


def json_patch(before: Any, after: Any, path: str = "") -> list[Operation]:
    """RFC 6902 operations that make `after` of `before`; a list of another length is replaced as one."""
    if isinstance(before, dict) and isinstance(after, dict):
        operations: list[Operation] = []
        for key in before.keys() | after.keys():
            where = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in after:
                operations.append({"op": "remove", "path": where})
            elif key not in before:
                operations.append({"op": "add", "path": where, "value": after[key]})
            else:
                operations += json_patch(before[key], after[key], where)
        return operations
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [one for index, (a, b) in pairs for one in json_patch(a, b, f"{path}/{index}")]
    return [] if before == after else [{"op": "replace", "path": path, "value": after}]


def _descend(desired: Any, live: Any, owned: _Owned, path: Path) -> None:
    step, rest = path[0], path[1:]
    if step.startswith("[") and step.endswith("]"):
        if isinstance(live, list):
            _descend_item(desired, live, owned, path)
    elif not isinstance(live, dict):
        return
    elif not rest and step.endswith("*"):
        keep = desired if isinstance(desired, dict) else {}
        for key in [key for key in live if key.startswith(step[:-1]) and key not in keep]:
            del live[key]
    elif step in live:
        wanted = desired.get(step, ABSENT) if isinstance(desired, dict) else ABSENT
        if rest:
            _descend(wanted, live[step], owned.below(step), rest)
        elif wanted is ABSENT:
            del live[step]
        else:
            live[step] = _equalised(wanted, live[step], owned.below(step), whole=True)


def _descend_item(desired: Any, live: list[Any], owned: _Owned, path: Path) -> None:
    name, _, value = path[0][1:-1].partition("=")
    found = next((item for item in live if _named(item, name, value)), None)
    if found is None:
        return
    candidates = desired if isinstance(desired, list) else []
    wanted = next((item for item in candidates if _named(item, name, value)), ABSENT)
    if path[1:]:
        _descend(wanted, found, owned.below(found), path[1:])
    elif isinstance(wanted, dict):
        _claim_identity(wanted, found, live, merge_keys(owned.anyone))
    else:
        live[:] = [item for item in live if not _named(item, name, value)]


def _claim_identity(wanted: Json, found: Json, live: list[Any], keys: tuple[str, ...]) -> None:
    """Give `found` the keys that `wanted` has; another item with those keys goes."""
    identity = {key: wanted[key] for key in keys if key in wanted}
    if all(found.get(key) == value for key, value in identity.items()):
        return
    filled_in = {key: found[key] for key in keys if key in found and key not in wanted}
    live[:] = [item for item in live if item is found or not fits(item, identity | filled_in)]
    found.update(identity)


def _equalised(desired: Any, live: Any, owned: _Owned, *, whole: bool) -> Any:
    """`live` without what is foreign. `whole`: keys that nobody owns go too."""
    if isinstance(desired, dict) and isinstance(live, dict):
        result = {
            key: _equalised(desired[key], value, owned.below(key), whole=False) if key in desired else value
            for key, value in live.items()
            if key in desired or not (whole or owns(owned.others, key))
        }
        return {**desired, **result} if owned.restore else result
    if isinstance(desired, list) and isinstance(live, list) and merge_keys(owned.anyone):
        return _equalised_list(desired, live, owned)
    # A list that is not merged by keys has one owner, and apply replaces it as a whole.
    return desired if owned.restore and not covers(live, desired, quantities=True) else live


def _equalised_list(desired: list[Any], live: list[Any], owned: _Owned) -> list[Any]:
    result: list[Any] = []
    left = list(live)
    keys = merge_keys(owned.anyone)
    for item in desired:
        identity = {key: item[key] for key in keys if key in item}
        match = next((one for one in left if fits(one, identity)), None)
        if match is not None:
            left.remove(match)
            result.append(_equalised(item, match, owned.below(match), whole=False))
        elif owned.restore:
            result.append(item)
    return result


def _named(item: Any, name: str, value: str) -> bool:
    return isinstance(item, dict) and str(item.get(name)) == value
