"""Bringing a loosely written document into the shape of a struct, as Go's decoder would.

Field names match without regard to case, unknown ones are reported, nulls count as absent, a scalar where a
text is wanted becomes that text (in YAML; JSON is strict); every other mismatch is refused with its path
(contract 2.2, 2.7). Pods and containers have the shape that Kubernetes gives them (`pod_shape.json`).
"""

from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
from msgspec import inspect as types

from havok.boots.config_text import ConfigError
from havok.boots.quantity import amount
from havok.codec import Json, decode_json

SHAPE: Final = "x-havok-shape"
"""Schema keyword: the value has the shape of this struct of Kubernetes."""
WHOLE: Final = "x-havok-whole"
"""Schema keyword: nothing is laid under or over it, so what must be given must be given here."""
INT32: Final = range(-(2**31), 2**31)
INT64: Final = range(-(2**63), 2**63)


class MismatchError(ConfigError):
    """The document has something else where `path` points. Code `boots.config.mismatch`."""

    def __init__(self, path: str, expected: str, value: object, *, line: int = 1) -> None:
        found = _kind_of(value)
        path = path or "the document"
        super().__init__(
            "boots.config.mismatch",
            f"{path} must be {expected}, not {found}",
            "correct it; nothing was changed",
            line=line, path=path, expected=expected, found=found,
        )  # fmt: skip
        self.path = path
        self.expected = expected
        self.value = value

    def at(self, line: int) -> "MismatchError":
        """The same error with its line."""
        return MismatchError(self.path, self.expected, self.value, line=line)


class Conform:
    """One pass over a document; what is odd but no mistake gathers in `unknown` and `missing`."""

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self.unknown: list[str] = []
        """Paths of keys that nobody reads."""
        self.missing: list[str] = []
        """Paths of fields that the cluster will ask for."""

    def struct(self, value: Any, struct: type[msgspec.Struct], path: str) -> Json:
        """`value` as JSON that decodes into `struct`; a fresh copy. Raises MismatchError."""
        found = self._value(value, types.type_info(struct), path)
        assert isinstance(found, dict)  # noqa: S101 - a struct conforms to a map or raises
        return found

    def _value(self, value: Any, kind: types.Type, path: str) -> Any:
        match kind:
            case types.Metadata(type=inner, extra_json_schema=extra):
                if extra and SHAPE in extra:
                    return self._shaped(value, extra[SHAPE], path, complete=bool(extra.get(WHOLE)))
                if extra and "x-kubernetes-int-or-string" in extra:
                    return _amount(value, path)
                return self._value(value, inner, path)
            case types.UnionType(types=members):
                (only,) = (member for member in members if not isinstance(member, types.NoneType))
                return self._value(value, only, path)
            case types.StructType():
                return self._fields(value, kind, path)
            case types.DictType(value_type=inner):
                pairs = _mapping(value, path).items()
                return {
                    key: self._value(item, inner, f"{path}.{key}") for key, item in pairs if item is not None
                }
            case types.VarTupleType(item_type=inner):
                listed = enumerate(_list(value, path))
                return [self._value(item, inner, f"{path}[{at}]") for at, item in listed]
        return self._scalar(value, _SCALARS[type(kind)], path, INT32)

    def _fields(self, value: Any, kind: types.StructType, path: str) -> Json:
        fields = {field.encode_name: field for field in kind.fields}
        found: Json = {}
        for name, key, item in self._known(value, fields, path):
            found[name] = self._value(item, fields[name].type, f"{path}.{key}")
        for field in kind.fields:
            if field.required and field.encode_name not in found:
                raise MismatchError(f"{path}.{field.encode_name}", "given", None)
        return found

    def _known(self, value: Any, fields: Any, path: str) -> list[tuple[str, str, Any]]:
        """(name of the field, key as written, value) of the keys that are fields and have a value."""
        folded = {name.casefold(): name for name in fields}
        found: list[tuple[str, str, Any]] = []
        for key, item in _mapping(value, path).items():
            name = key if key in fields else folded.get(key.casefold())
            if name is None:
                self.unknown.append(f"{path}.{key}")
            elif item is not None:
                found.append((name, key, item))
        return found

    def _shaped(self, value: Any, kind: str, path: str, *, complete: bool) -> Any:
        """A value of Kubernetes' type `kind`; `complete`: nothing will be laid under or over it."""
        if kind.startswith("[]"):
            listed = enumerate(_list(value, path))
            return [self._shaped(item, kind[2:], f"{path}[{at}]", complete=True) for at, item in listed]
        if kind.startswith("{}"):
            pairs = [(key, item) for key, item in _mapping(value, path).items() if item is not None]
            return {key: self._shaped(item, kind[2:], f"{path}.{key}", complete=True) for key, item in pairs}
        if kind in ("quantity", "int-or-text"):
            return _amount(value, path) if kind == "quantity" else _number_or_text(value, path)
        if kind not in pod_shape():
            return self._scalar(value, kind, path, INT64)
        fields = pod_shape()[kind]
        found: Json = {}
        for name, key, item in self._known(value, fields, path):
            wanted = fields[name].removesuffix("!")
            found[name] = self._shaped(item, wanted, f"{path}.{key}", complete=complete)
        if complete:
            absent = (name for name, wanted in fields.items() if wanted.endswith("!") and name not in found)
            self.missing += [f"{path}.{name}" for name in absent]
        return found

    def _scalar(self, value: Any, kind: str, path: str, numbers: range) -> Any:
        match kind:
            case "text":
                return self._text(value, path)
            case "integer":
                if isinstance(value, bool) or not isinstance(value, int) or value not in numbers:
                    raise MismatchError(path, "a whole number", value)
            case "boolean":
                if not isinstance(value, bool):
                    raise MismatchError(path, "true or false", value)
            case "number":
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise MismatchError(path, "a number", value)
        return value

    def _text(self, value: Any, path: str) -> str:
        if isinstance(value, dict | list) or value is None or (self._strict and not isinstance(value, str)):
            raise MismatchError(path, "a text", value)
        if isinstance(value, bool):
            return "true" if value else "false"
        try:
            return str(value)
        except ValueError:  # Python writes no number of more than 4300 digits
            raise MismatchError(path, "a text", "a very long number") from None


_SCALARS: Final[dict[type[types.Type], str]] = {
    types.StrType: "text",
    types.IntType: "integer",
    types.BoolType: "boolean",
    types.FloatType: "number",
}


@cache
def pod_shape() -> dict[str, dict[str, str]]:
    """Struct of Kubernetes → field → type; see scripts/pod_shape.py."""
    text = (files("havok.boots") / "pod_shape.json").read_text("utf-8")
    return decode_json(text, dict[str, dict[str, str]])


def _mapping(value: Any, path: str) -> Json:
    if not isinstance(value, dict):
        raise MismatchError(path, "a map", value)
    return value


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise MismatchError(path, "a list", value)
    return value


def _amount(value: Any, path: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise MismatchError(path, 'an amount like 1, "500m" or "1Gi"', value)
    if (isinstance(value, int) and value not in INT64) or len(str(value)) > 63 or amount(value) is None:
        raise MismatchError(path, 'an amount like 1, "500m" or "1Gi"', value)
    return value


def _number_or_text(value: Any, path: str) -> Any:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | str)
        or (isinstance(value, int) and value not in INT32)
    ):
        raise MismatchError(path, "a whole number or a text", value)
    return value


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a map"
        case list():
            return "a list"
        case str():
            return f"the text {value[:60]!r}"
        case int() if value not in INT64:
            return "a number of too many digits"
    return str(value)
