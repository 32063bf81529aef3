"""Ownership and equality, as pure functions."""

from copy import deepcopy
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from havok.kube.equality import foreign_patch, json_patch, without_foreign
from havok.kube.ownership import applied_by, covers, is_applied, union

ME = "me"


def keyed(name: str) -> str:
    return f'k:{{"name":"{name}"}}'


def owned(names: list[str]) -> dict[str, Any]:
    return {"f:data": {"f:env": {keyed(name): {".": {}, "f:name": {}, "f:value": {}} for name in names}}}


def live_object(env: list[tuple[str, str]], mine: list[str], theirs: list[str]) -> dict[str, Any]:
    fields = [
        {"manager": ME, "operation": "Apply", "fieldsV1": owned(mine)},
        {"manager": "other", "operation": "Update", "fieldsV1": owned(theirs)},
    ]
    return {
        "metadata": {"name": "x", "uid": "u", "resourceVersion": "1", "managedFields": fields},
        "data": {"env": [{"name": name, "value": value} for name, value in env]},
    }


def desired_object(env: list[tuple[str, str]]) -> dict[str, Any]:
    return {"metadata": {"name": "x"}, "data": {"env": [{"name": n, "value": v} for n, v in env]}}


def applied(document: Any, operations: list[dict[str, Any]]) -> Any:
    """RFC 6902 for the operations that are used here."""
    document = deepcopy(document)
    for operation in operations:
        *parents, last = [
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        ]
        node = document
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node[part]
        key = int(last) if isinstance(node, list) else last
        if operation["op"] == "remove":
            del node[key]
        else:
            node[key] = operation["value"]
    return document


NAMES = st.sampled_from("abcdef")
ENV = st.lists(st.tuples(NAMES, st.sampled_from("123")), max_size=6, unique_by=lambda pair: pair[0])


@given(wanted=ENV, present=ENV, data=st.data())
def test_whatever_others_did_the_list_becomes_what_we_want(
    wanted: list[tuple[str, str]], present: list[tuple[str, str]], data: st.DataObject
) -> None:
    shared = [name for name, _ in present]
    mine = data.draw(st.lists(st.sampled_from(shared), unique=True)) if shared else []
    live = live_object(present, mine, [name for name in shared if name not in mine])
    desired, equal = desired_object(wanted), (("data", "env"),)
    result = without_foreign(desired, live, equal=equal, field_manager=ME)
    names = [item["name"] for item in result["data"]["env"]]
    assert names == [name for name, _ in wanted if name in shared]
    operations = foreign_patch(desired, live, equal=equal, field_manager=ME)
    if not operations:
        assert result == live
        return
    patched = applied(live, operations)
    assert patched["data"] == desired["data"]
    assert foreign_patch(desired, patched, equal=equal, field_manager=ME) == []


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.integers(0, 3), st.sampled_from(["", "a", "b/c", "~"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b/c", "~d", ""]), inner, max_size=3),
    ),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b/c", "~d"]), VALUES, max_size=3)


@given(DOCUMENTS, DOCUMENTS)
def test_a_patch_leads_from_one_document_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert applied(before, json_patch(before, after)) == after
    assert json_patch(before, before) == []


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_a_union_of_trees_does_not_depend_on_order(
    a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]
) -> None:
    one, two, three = (_tree(value) for value in (a, b, c))
    assert union(one, two) == union(two, one)
    assert union(union(one, two), three) == union(one, union(two, three))
    assert union(one, one) == one


def _tree(value: Any) -> dict[str, Any]:
    return {key: _tree(child) for key, child in value.items()} if isinstance(value, dict) else {}


def test_what_nobody_owns_is_the_servers_and_stays() -> None:
    live = live_object([("a", "1")], ["a"], [])
    live["data"]["env"][0]["filledIn"] = True
    live["data"]["env"][0]["foreign"] = True
    live["metadata"]["managedFields"][1]["fieldsV1"] = {"f:data": {"f:env": {keyed("a"): {"f:foreign": {}}}}}
    desired = desired_object([("a", "1")])
    result = without_foreign(desired, live, equal=(("data", "env"),), field_manager=ME)
    assert result["data"]["env"] == [{"name": "a", "value": "1", "filledIn": True}]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("data", "one"), {"two": {"x": 1}, "pre/a": "1", "pre/b": "2", "other": "3"}),
        (("data", "two", "x"), {"one": 1, "two": {}, "pre/a": "1", "pre/b": "2", "other": "3"}),
        (("data", "pre/*"), {"one": 1, "two": {"x": 1}, "pre/a": "1", "other": "3"}),
        (("data", "missing", "deep"), {"one": 1, "two": {"x": 1}, "pre/a": "1", "pre/b": "2", "other": "3"}),
        (("data", "[name=x]", "y"), {"one": 1, "two": {"x": 1}, "pre/a": "1", "pre/b": "2", "other": "3"}),
    ],
)
def test_paths_reach_what_they_name(path: tuple[str, ...], expected: dict[str, Any]) -> None:
    data: dict[str, Any] = {"one": 1, "two": {"x": 1}, "pre/a": "1", "pre/b": "2", "other": "3"}
    live = {"metadata": {"name": "x"}, "data": data}
    result = without_foreign({"data": {"pre/a": "1"}}, live, equal=(path,), field_manager=ME)
    assert result["data"] == expected
    assert data["one"] == 1


@pytest.mark.parametrize(
    ("live", "desired", "same"),
    [
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "1000m"}}, True),
        ({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1024Mi"}}, True),
        ({"limits": {"memory": "1G"}}, {"limits": {"memory": "1Gi"}}, False),
        ({"labels": {"a": "1"}}, {"labels": {"a": "1000m"}}, False),
        ({"requests": {"cpu": "500m"}}, {"requests": {"cpu": 0.5}}, True),
        ({"requests": {"cpu": "x"}}, {"requests": {"cpu": "1"}}, False),
        ({}, {"value": ""}, True),
        ({}, {"emptyDir": {}}, True),
        ({}, {"value": "x"}, False),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [1], "b": 2}, {"a": [1]}, True),
    ],
)
def test_covering_knows_quantities_and_what_is_left_out(live: Any, desired: Any, same: bool) -> None:
    assert covers(live, desired) is same


def test_an_object_that_we_never_applied_is_not_applied() -> None:
    live = live_object([("a", "1")], ["a"], [])
    assert is_applied(desired_object([("a", "1")]), live, ME)
    assert not is_applied(desired_object([("a", "2")]), live, ME)
    assert not is_applied(desired_object([]), live, ME)
    assert not is_applied(desired_object([("a", "1"), ("b", "1")]), live, ME)
    assert not is_applied(desired_object([("a", "1")]), live, "somebody")
    assert applied_by(live, ME, "status") is None
