"""kubectl's JSONPath templates."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok.cli.jsonpath import evaluate
from havok.errors import UsageError

LIST: dict[str, Any] = {
    "items": [
        {"metadata": {"name": "a", "labels": {"app.io/x": "1"}}, "spec": {"port": 80, "on": True}},
        {"metadata": {"name": "b"}, "spec": {"port": 9000, "env": [{"name": "N", "value": "v"}]}},
    ]
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{.items[*].metadata.name}", "a b"),
        (".items[0].metadata.name", "a"),
        ("items[-1].metadata.name", "b"),
        ("{.items[0].metadata.labels.app\\.io/x}", "1"),
        ("{.items[0].metadata.labels['app.io/x']}", "1"),
        ("{..name}", "a b N"),
        ("{.items[0:1].spec.port}", "80"),
        ("{.items[?(@.spec.port>100)].metadata.name}", "b"),
        ('{.items[?(@.metadata.name=="a")].spec}', '{"port":80,"on":true}'),
        ('{range .items[*]}{.metadata.name}{"\\t"}{.spec.port}{"\\n"}{end}', "a\t80\nb\t9000\n"),
        ("names: {.items[*].metadata.name}!", "names: a b!"),
        ("{.items[7].metadata.name}", ""),
        ("{.nothing.here}", ""),
        ("{range .nothing[*]}x{end}", ""),
        ("{$.items[0].spec.on}", "true"),
    ],
)
def test_templates(template: str, expected: str) -> None:
    assert evaluate(template, LIST) == expected


@pytest.mark.parametrize("template", ["{.items", "{.items[}", "{end}", "{range .items[*]}x", "{.a[?(x)]}"])
def test_what_cannot_be_read_is_refused(template: str) -> None:
    with pytest.raises(UsageError, match="cannot be understood") as caught:
        evaluate(template, LIST)
    assert caught.value.code == "cli.jsonpath.invalid"


@given(st.text(alphabet="{}.[]*'\"ab01:@?() ", max_size=20))
def test_any_text_is_answered_or_refused(template: str) -> None:
    try:
        assert isinstance(evaluate(template, LIST), str)
    except UsageError as error:
        assert error.code in ("cli.jsonpath.invalid", "codec.json.invalid")


names = st.text(alphabet="abcxyz", min_size=1, max_size=5)


@given(st.lists(names, min_size=1, max_size=4), st.integers())
def test_a_path_leads_to_what_stands_there(path: list[str], value: int) -> None:
    document: Any = value
    for name in reversed(path):
        document = {name: document}
    assert evaluate("{." + ".".join(path) + "}", document) == str(value)
