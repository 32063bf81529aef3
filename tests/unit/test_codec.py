"""JSON and YAML, in and out."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok import codec
from havok.errors import UsageError

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029\ufeff"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
)
DOCUMENTS = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126))


class Port(msgspec.Struct, frozen=True, rename="camel"):
    container_port: int
    name: str | None = None


@given(DOCUMENTS)
def test_json_reads_back_as_it_was_written(document: Any) -> None:
    assert codec.decode_json(codec.encode_json(document)) == document
    assert codec.decode_json(codec.encode_json(document, indent=2)) == document


@given(st.dictionaries(PRINTABLE, SCALARS | PRINTABLE | st.lists(PRINTABLE, max_size=3), max_size=5))
def test_yaml_reads_back_as_it_was_written(document: dict[str, Any]) -> None:
    (read,) = codec.decode_yaml(codec.encode_yaml(document))
    assert read.keys() == document.keys()
    for key, value in document.items():
        same = math.isclose(read[key], value) if isinstance(value, float) else read[key] == value
        assert same, key


@given(st.lists(st.dictionaries(PRINTABLE, PRINTABLE, min_size=1, max_size=3), max_size=4))
def test_every_document_of_a_stream_is_read(documents: list[dict[str, str]]) -> None:
    assert codec.decode_yaml(codec.encode_yaml(*documents)) == documents


def test_structs_are_written_by_their_wire_names() -> None:
    assert codec.encode_json(Port(8080)) == b'{"containerPort":8080,"name":null}'
    assert codec.encode_yaml(Port(8080, "http")) == "containerPort: 8080\nname: http\n"
    assert codec.decode_json('{"containerPort":1,"unknown":[{}]}', Port) == Port(1)


def test_keys_keep_their_order_and_chinese_stays_readable() -> None:
    assert codec.encode_yaml({"b": "六行", "a": 1}) == "b: 六行\na: 1\n"


def test_empty_documents_are_left_out() -> None:
    assert codec.decode_yaml("---\n---\na: 1\n---\n# nothing\n") == [{"a": 1}]
    assert codec.decode_yaml("") == []


@pytest.mark.parametrize("text", ["", "{", '{"a": 1', "[1, ]", "\ufeff{}", '"\\x"'])
def test_what_is_no_json_is_told(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        codec.decode_json(text)
    assert caught.value.code == "codec.json.invalid"


def test_json_of_another_shape_says_where() -> None:
    with pytest.raises(UsageError, match="containerPort"):
        codec.decode_json('{"containerPort": "many"}', Port)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a: 1\nb: [1, 2\n", 3, 1), ("a:\n\t- 1\n", 2, 1), ("a: 1\n b: 2\n", 2, 3), ('a: "open\n', 2, 1)],
)
def test_broken_yaml_names_its_line(text: str, line: int, column: int) -> None:
    with pytest.raises(UsageError) as caught:
        codec.decode_yaml(text, source="boot.yaml")
    error = caught.value
    assert error.code == "codec.yaml.invalid"
    assert (error.context["line"], error.context["column"]) == (line, column)
    assert error.message.startswith("boot.yaml is not valid YAML at line")


def test_bytes_that_are_no_text_are_told() -> None:
    with pytest.raises(UsageError) as caught:
        codec.decode_yaml(b"a: \xff\xfe\n", source="boot.yaml")
    assert caught.value.code == "codec.yaml.unreadable"


def test_yaml_makes_no_objects() -> None:
    with pytest.raises(UsageError):
        codec.decode_yaml("!!python/object/apply:os.getcwd []")


@given(st.binary(max_size=40))
def test_yaml_never_fails_in_another_way(data: bytes) -> None:
    try:
        codec.decode_yaml(data)
    except UsageError as error:
        assert error.code.startswith("codec.yaml.")
