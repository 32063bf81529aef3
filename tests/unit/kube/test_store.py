"""The dictionary of a cache: indexes that come late, parts that are kept, objects made anew."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from havok.kube.change import ChangeDecoder, Unreadable
from havok.kube.key import Key
from havok.kube.store import Store
from havok.kube.views import ConfigMap, ObjectMeta


def made(name: str, value: str, *, version: int = 1, uid: str = "u", namespace: str = "n") -> ConfigMap:
    meta = ObjectMeta(name=name, namespace=namespace, uid=uid, resource_version=str(version))
    return ConfigMap(metadata=meta, data={"v": value})


def by_value(one: ConfigMap) -> list[str]:
    return [one.data["v"]]


STEPS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.one_of(st.none(), st.sampled_from("123"))), max_size=30
)


@given(before=STEPS, after=STEPS)
def test_an_index_that_comes_late_is_as_if_it_had_always_been(
    before: list[tuple[str, str | None]], after: list[tuple[str, str | None]]
) -> None:
    early, late = Store[ConfigMap]({"value": by_value}), Store[ConfigMap]()
    for steps in (before, after):
        for number, (name, value) in enumerate(steps):
            for store in (early, late):
                if value is None:
                    store.drop(("n", name))
                else:
                    store.put(("n", name), made(name, value, version=number))
        late.add_index("value", by_value)
    for value in "123":
        expected = sorted(one.metadata.name for one in early.list() if one.data["v"] == value)
        assert sorted(one.metadata.name for one in early.by_index("value", value)) == expected
        assert sorted(one.metadata.name for one in late.by_index("value", value)) == expected


def test_a_name_for_two_indexes_is_a_defect() -> None:
    store = Store[ConfigMap]({"value": by_value})
    store.add_index("value", by_value)
    with pytest.raises(ValueError, match="another index"):
        store.add_index("value", lambda one: [one.metadata.name])


def test_one_namespace_is_found_without_looking_at_the_others() -> None:
    store = Store[ConfigMap]()
    store.put(("n", "a"), made("a", "1"))
    store.put(("m", "b"), made("b", "1", namespace="m"))
    assert [one.metadata.name for one in store.list("m")] == ["b"]
    store.drop(("m", "b"))
    assert store.list("m") == []


def test_an_object_made_anew_under_its_name_is_a_deletion_and_a_new_object() -> None:
    store, told = Store[ConfigMap](), list[tuple[str, str]]()
    store.subscribe(
        lambda old, new: told.append((old.data["v"] if old else "", new.data["v"] if new else ""))
    )
    store.put(("n", "a"), made("a", "1", uid="one"))
    store.replace({("n", "a"): made("a", "2", uid="two", version=9)}, set())
    assert told == [("", "1"), ("1", ""), ("", "2")]


def test_what_is_not_kept_does_not_exist() -> None:
    def keep(one: ConfigMap) -> ConfigMap | None:
        if one.data["v"] == "break":
            raise RuntimeError
        return ConfigMap(metadata=one.metadata) if one.data["v"] != "no" else None

    store, told = Store[ConfigMap]({"name": lambda one: [one.metadata.name]}, keep=keep), list[bool]()
    store.subscribe(lambda old, new: told.append(new is not None))
    objects: dict[Key, ConfigMap] = {
        ("n", name): made(name, value) for name, value in (("a", "1"), ("b", "no"))
    }
    store.replace(objects, set())
    assert [one.data for one in store.list()] == [{}]
    store.replace(objects, set())
    store.put(("n", "a"), made("a", "break", version=2))
    assert [one.metadata.resource_version for one in store.by_index("name", "a")] == ["1"]
    store.put(("n", "a"), made("a", "no", version=3))
    assert store.list() == []
    assert told == [True, False]


LINES: list[tuple[bytes, str]] = [
    (b'{"type":"ADDED","object":{"metadata":{"name":"a"},"data":{"v":"\xff"}}}', "broken"),
    (
        b'{"type":"ADDED","object":{"metadata":{"name":"a"},"data":{"v":'
        + b"[" * 9000
        + b"]" * 9000
        + b"}}}",
        "",
    ),
    (b'{"type":"ADDED","object":{"metadata":{"name":"a"},"data":{"v":1}}}', "broken"),
    (b'{"type":"ADDED","object":{"metadata":[]}}', "broken"),
    (b'{"type":"ADDED","object":[]}', "broken"),
    (b'{"type":"ADDED","object":{}}', "broken"),
    (b'{"type":"ADDED","object":', "none"),
    (b"", "none"),
    (b"\xff\xfe", "none"),
    (b'{"object":{"metadata":{"name":"a"}},"type":"ADDED"}', "fits"),
]


@pytest.mark.parametrize(("line", "what"), LINES)
@pytest.mark.parametrize("view", [ConfigMap, dict])
def test_no_line_is_more_than_an_error_to_count(line: bytes, what: str, view: type[Any]) -> None:
    change = ChangeDecoder(view).decode(line)
    if what == "none":
        assert change is None
    elif what == "fits":
        assert change is not None and not isinstance(change[1], Unreadable)
    elif what and view is ConfigMap and b"{}" not in line:
        assert change is not None and isinstance(change[1], Unreadable)
