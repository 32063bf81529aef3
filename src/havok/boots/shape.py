"""Bringing a loosely written document into the shape of a struct, as Go's decoder would.

Field names match without regard to case, unknown ones are warnings, nulls count as absent, a scalar where a
text is wanted becomes that text; every other mismatch is refused with its path (contract 2.2, 2.7).
"""

import copy
from typing import Any

import msgspec
from msgspec import inspect as types

from havok.codec import Json
from havok.errors import UsageError


class MismatchError(UsageError):
    """The document has something else where `path` points. Code `boots.config.mismatch`."""

    def __init__(self, path: str, expected: str, value: object) -> None:
        found = _kind_of(value)
        super().__init__(
            "boots.config.mismatch",
            f"central config: {path or 'the document'} must be {expected}, not {found}",
            "correct it; nothing was changed",
            path=path or "the document", expected=expected, found=found,
        )  # fmt: skip


def conform(value: Any, struct: type[msgspec.Struct], path: str, unknown: list[str]) -> Json:
    """`value` as JSON that decodes into `struct`; paths of unknown keys are appended to `unknown`.

    Raises MismatchError.
    """
    found = _conform(value, types.type_info(struct), path, unknown)
    assert isinstance(found, dict)  # noqa: S101 - a struct conforms to a map or raises
    return found


def _conform(value: Any, kind: types.Type, path: str, unknown: list[str]) -> Any:
    match kind:
        case types.Metadata(type=inner, extra_json_schema=extra):
            if extra and "x-kubernetes-int-or-string" in extra:
                return _amount(value, path)
            return _conform(value, inner, path, unknown)
        case types.UnionType(types=members):
            (only,) = (member for member in members if not isinstance(member, types.NoneType))
            return _conform(value, only, path, unknown)
        case types.StructType():
            return _struct(value, kind, path, unknown)
        case types.DictType(value_type=inner):
            pairs = _mapping(value, path).items()
            return {
                str(key): _conform(item, inner, f"{path}.{key}", unknown)
                for key, item in pairs
                if item is not None or isinstance(inner, types.AnyType)
            }
        case types.VarTupleType(item_type=inner):
            if not isinstance(value, list):
                raise MismatchError(path, "a list", value)
            return [_conform(item, inner, f"{path}[{at}]", unknown) for at, item in enumerate(value)]
        case types.AnyType():
            return copy.deepcopy(value)
    return _scalar(value, kind, path)


def _struct(value: Any, kind: types.StructType, path: str, unknown: list[str]) -> Json:
    fields = {field.encode_name: field for field in kind.fields}
    folded = {name.casefold(): name for name in fields}
    found: Json = {}
    for key, item in _mapping(value, path).items():
        name = key if key in fields else folded.get(str(key).casefold())
        inner_path = f"{path}.{key}" if path else str(key)
        if name is None:
            unknown.append(inner_path)
        elif item is not None:
            found[name] = _conform(item, fields[name].type, inner_path, unknown)
    for field in kind.fields:
        if field.required and field.encode_name not in found:
            raise MismatchError(f"{path}.{field.encode_name}", "given", None)
    return found


def _mapping(value: Any, path: str) -> Json:
    if not isinstance(value, dict):
        raise MismatchError(path, "a map", value)
    return value


def _amount(value: Any, path: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise MismatchError(path, 'an amount like 1, "500m" or "1Gi"', value)
    return value


def _scalar(value: Any, kind: types.Type, path: str) -> Any:
    if isinstance(kind, types.StrType):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, dict | list):
            raise MismatchError(path, "a text", value)
        return str(value)
    if isinstance(kind, types.IntType) and (isinstance(value, bool) or not isinstance(value, int)):
        raise MismatchError(path, "a whole number", value)
    if isinstance(kind, types.BoolType) and not isinstance(value, bool):
        raise MismatchError(path, "true or false", value)
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
            return f"the text {value!r}"
    return str(value)
