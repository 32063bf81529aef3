"""Who owns which field of an object: reading `metadata.managedFields` (KEP-555, FieldsV1).

Pure. FieldsV1 mirrors the object: ``f:name`` is a field, ``k:{"name":"x"}`` an item of a list that is merged
by those keys, ``v:"x"`` a value of a list that is a set, ``.`` the thing itself; a tree without children is
a whole value that is replaced at once. That makes it the one place that tells, without any schema, how a
list is merged, and whether what we want is already applied, so that a steady state needs no request at all.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

import msgspec

Json: TypeAlias = dict[str, Any]
Tree: TypeAlias = dict[str, Any]

UNTRACKED: Final = frozenset({"apiVersion", "kind"})
UNTRACKED_METADATA: Final = frozenset(
    {
        "name", "namespace", "uid", "resourceVersion", "generation", "generateName", "selfLink",
        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields",
    }
)  # fmt: skip
QUANTITIES: Final = frozenset({"limits", "requests", "hard", "capacity", "allocatable", "overhead"})
SUFFIXES: Final = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal(10**3),
    "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip


def entries(live: Json) -> list[Json]:
    """The managedFields of an object."""
    return live.get("metadata", {}).get("managedFields") or []


def applied_by(live: Json, manager: str, subresource: str = "") -> Tree | None:
    """The fields that `manager` owns by server-side apply; None when it never applied."""
    for entry in entries(live):
        if entry.get("manager") != manager or entry.get("operation") != "Apply":
            continue
        if entry.get("subresource", "") == subresource:
            tree: Tree = entry.get("fieldsV1") or {}
            return tree
    return None


def owned_by_others(live: Json, manager: str) -> Tree:
    """All that anybody else owns, by whatever way."""
    found: Tree = {}
    for entry in entries(live):
        if entry.get("manager") != manager:
            found = union(found, entry.get("fieldsV1") or {})
    return found


def owned_by_anyone(live: Json) -> Tree:
    """All that somebody owns; what is in the object and not in here, the server filled in."""
    found: Tree = {}
    for entry in entries(live):
        found = union(found, entry.get("fieldsV1") or {})
    return found


def union(first: Tree, second: Tree) -> Tree:
    """What either owns."""
    merged = dict(first)
    for key, tree in second.items():
        merged[key] = union(merged[key], tree) if key in merged else tree
    return merged


def is_applied(desired: Json, live: Json, manager: str, *, subresource: str = "") -> bool:
    """Whether applying `desired` as `manager` would change nothing: neither values nor ownership."""
    tree = applied_by(live, manager, subresource)
    if tree is None:
        return False
    wanted = {key: value for key, value in desired.items() if key not in UNTRACKED | {"metadata"}}
    metadata = desired.get("metadata", {})
    tracked = {key: value for key, value in metadata.items() if key not in UNTRACKED_METADATA}
    if tracked:
        wanted["metadata"] = tracked
    return _same_fields(wanted, tree, live, quantities=False)


def merge_keys(tree: Tree) -> tuple[str, ...]:
    """The names that identify an item of the list this tree describes; empty: not such a list."""
    for keys, _ in _keyed(tree):
        return tuple(sorted(keys))
    return ()


def subtree(tree: Tree, key: str | Mapping[str, Any]) -> Tree:
    """The tree of a field, or of the list item that has these keys; empty when nobody owns it."""
    if isinstance(key, str):
        found: Tree = tree.get(f"f:{key}", {})
        return found
    return next((child for keys, child in _keyed(tree) if fits(key, keys)), {})


def owns(tree: Tree, key: str) -> bool:
    """Whether the tree has a field, itself or something in it."""
    return f"f:{key}" in tree


def fits(item: Mapping[str, Any], keys: Mapping[str, Any]) -> bool:
    """Whether a list item is the one with these keys; a key it does not state is one the server defaults."""
    return all(item.get(name, value) == value for name, value in keys.items())


def covers(live: Any, desired: Any, *, quantities: bool = False) -> bool:
    """Whether `live` has all that `desired` says; more fields are fine, more list items are not."""
    if _is_empty(desired) and _is_empty(live):
        return True
    if isinstance(desired, dict):
        return isinstance(live, dict) and all(
            covers(live.get(key), value, quantities=quantities or key in QUANTITIES)
            for key, value in desired.items()
        )
    if isinstance(desired, list | tuple):
        return (
            isinstance(live, list)
            and len(live) == len(desired)
            and all(
                covers(one, other, quantities=quantities) for one, other in zip(live, desired, strict=True)
            )
        )
    return bool(live == desired) or (quantities and _same_quantity(live, desired))


def _same_fields(desired: Any, tree: Tree, live: Any, *, quantities: bool) -> bool:
    if not any(key != "." for key in tree):
        return covers(live, desired, quantities=quantities)
    if isinstance(desired, dict):
        return _same_map(desired, tree, live, quantities=quantities)
    if isinstance(desired, list | tuple):
        return _same_list(desired, tree, live, quantities=quantities)
    return False


def _same_map(desired: Json, tree: Tree, live: Any, *, quantities: bool) -> bool:
    owned = {key[2:] for key in tree if key.startswith("f:")}
    if owned != set(desired) or not isinstance(live, dict):
        return False
    return all(
        _same_fields(value, tree[f"f:{key}"], live.get(key), quantities=quantities or key in QUANTITIES)
        for key, value in desired.items()
    )


def _same_list(desired: Collection[Any], tree: Tree, live: Any, *, quantities: bool) -> bool:
    if not isinstance(live, list):
        return False
    values = {key[2:] for key in tree if key.startswith("v:")}
    if values:
        return values == {msgspec.json.encode(one).decode() for one in desired} and all(
            one in live for one in desired
        )
    keyed = [*_keyed(tree)]
    if len(keyed) != len(desired):
        return False
    for item in desired:
        match = next(((keys, child) for keys, child in keyed if fits(item, keys)), None)
        if match is None:
            return False
        present = next((one for one in live if fits(one, match[0])), None)
        if present is None or not _same_fields(item, match[1], present, quantities=quantities):
            return False
    return True


def _keyed(tree: Tree) -> Iterator[tuple[Json, Tree]]:
    for key, child in tree.items():
        if key.startswith("k:"):
            yield msgspec.json.decode(key[2:]), child


def _is_empty(value: Any) -> bool:
    """What Go's omitempty leaves out, and what therefore comes back as nothing."""
    return (
        value is None or value is False or (not value and isinstance(value, str | int | dict | list | tuple))
    )


def _same_quantity(one: Any, other: Any) -> bool:
    first, second = _amount(one), _amount(other)
    return first is not None and first == second


def _amount(value: Any) -> Decimal | None:
    match = re.fullmatch(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]{0,2})", str(value))
    if not match or match[2] not in SUFFIXES:
        return None
    try:
        return Decimal(match[1]) * SUFFIXES[match[2]]
    except InvalidOperation:
        return None
