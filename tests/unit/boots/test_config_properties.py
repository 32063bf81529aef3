"""Merging never shares and never forgets an order; no text makes the parser fail in any way but one."""

import copy
import random
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from havok.boots import config
from havok.boots.config_text import ConfigError
from havok.boots.merge import by_name, override
from havok.codec import encode_json, encode_yaml

names = st.sampled_from("ABCD")
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "${APP}"])
entries = st.lists(st.fixed_dictionaries({"name": names, "value": st.text("xyz", max_size=2)}), max_size=4)
variables = st.lists(
    st.fixed_dictionaries({"name": names, "value": scalars}), unique_by=lambda entry: str(entry["name"])
)
trees = st.recursive(
    scalars | st.lists(scalars, max_size=3),
    lambda inner: st.dictionaries(names, inner, max_size=3) | st.fixed_dictionaries({"env": variables}),
    max_leaves=12,
)
KEYS = [
    "java", "vip", "app", "oEnvs", "test", "settings", "env", "name", "value", "podSpec", "container",
    "sideCarContainers", "initContainers", "resources", "limits", "cpu", "port", "replicas", "ports",
    "volumes", "containerPort", "livenessProbe", "httpGet", "registry", "prometheusScrape", "nodeSelector",
    "ingress", "valueFrom", "secretKeyRef", "ENV", "sidecarServices", "emptyDir", "",
]  # fmt: skip
keys = st.sampled_from(KEYS)
wild = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["500m", "1Gi", "2020-01-01", "0x", "1e999999999999", "9" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=25,
)
documents = st.dictionaries(keys, st.dictionaries(keys, st.dictionaries(keys, wild, max_size=3), max_size=4))


@given(trees, trees)
def test_merging_twice_is_merging_once(base: Any, over: Any) -> None:
    once = override(base, over)
    assert override(once, over) == once


@given(trees, trees)
def test_what_is_merged_is_shared_with_nothing(base: Any, over: Any) -> None:
    before = copy.deepcopy((base, over))
    _scribble(override(base, over))
    assert (base, over) == before


@given(entries, entries)
def test_the_base_keeps_its_order_and_new_names_come_last(base: list[Any], over: list[Any]) -> None:
    merged = [entry["name"] for entry in by_name(base, over)]
    known = [entry["name"] for entry in base]
    assert merged[: len(known)] == known
    new = dict.fromkeys(entry["name"] for entry in over if entry["name"] not in known)
    assert merged[len(known) :] == list(new)


@given(entries)
def test_nothing_laid_over_changes_nothing(base: list[Any]) -> None:
    assert override({"env": base}, {}) == {"env": base}
    assert override({"env": base}, {"env": []}) == {"env": base}


@given(st.text() | st.text("{}[]:,-&*<>!|'\"\n \tab1?#%@\\u").map(lambda text: "java: " + text))
@settings(max_examples=300, deadline=None)
def test_no_text_at_all_breaks_the_parser(text: str) -> None:
    _outcome(text)


@given(documents, st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_document_breaks_the_parser(document: Any, as_json: bool) -> None:
    _outcome(encode_json(document).decode() if as_json else encode_yaml(document))


def test_texts_with_damage_break_nothing_either() -> None:
    sample = """java:
  settings: &s {registry: "r:5000"}
  app: {port: 80, env: [{name: A, value: "1"}], podSpec: {volumes: [{name: a, emptyDir: {}}]}}
  oEnvs: {app: {test: {<<: *s, port: 1}}}
  sideCarContainers: [{name: side, image: "${REGISTRY}/a", ports: [{containerPort: 1, name: m}]}]
"""
    chance, counts = random.Random(7), Counter[str]()  # noqa: S311 - it need not be unguessable
    for _ in range(3000):
        text = list(sample)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(text))
            text[at : at + chance.randint(0, 3)] = chance.choice(
                ["", "\n", " ", "{", "]", ":", "*s", "\t", "-"]
            )
        counts[_outcome("".join(text))] += 1
    assert counts["accepted"] > 100, counts
    assert counts["boots.config.syntax"] > 100, counts
    assert counts["boots.config.mismatch"] > 50, counts


def test_aliases_and_depth_cannot_exhaust_the_process() -> None:
    laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True):
        laughs += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for text in (laughs, "a: &a [*a]", "a: " + "[" * 5000, "{" + '"a":{' * 5000, '{"a":' + "[" * 90000):
        assert _outcome(text) in ("boots.config.syntax", "boots.config.mismatch")


def _outcome(text: str) -> str:
    try:
        platform = config.parse(text, "test")
    except ConfigError as error:
        assert error.line >= 1
        assert error.hint
        return error.code
    encode_json(platform)
    return "accepted"


def _scribble(value: Any) -> None:
    """Change everything inside that can be changed."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    for item in inner:
        _scribble(item)
    if isinstance(value, dict):
        value["scribbled"] = True
    elif isinstance(value, list):
        value.append("scribbled")
