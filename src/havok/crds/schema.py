"""From a struct to a structural OpenAPI v3 schema, as apiextensions/v1 demands it.

Types give type, items and required; `wire.schema(...)` annotations add keywords; docstrings, read from the
source, give descriptions. Structural schemas forbid `$ref`, so every struct is written out where it is used.
"""

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import inspect as types

from havok.codec import Json


def schema_of(struct: type[msgspec.Struct]) -> Json:
    """The schema of one struct. Raises TypeError for a type that has no place in a CRD: a defect of ours."""
    return _schema(types.type_info(struct))


def _schema(kind: types.Type) -> Json:
    if isinstance(kind, types.Metadata):
        extra = kind.extra_json_schema or {}
        if "x-kubernetes-int-or-string" in extra:
            return dict(extra)
        base = _schema(kind.type)
        if "x-kubernetes-preserve-unknown-fields" in extra:
            base = {"type": "object"}
        return {**base, **extra}
    if isinstance(kind, types.UnionType):
        (only,) = (member for member in kind.types if not isinstance(member, types.NoneType))
        return _schema(only)
    if isinstance(kind, types.StructType):
        return _object(kind)
    if isinstance(kind, types.DictType):
        return {"type": "object", "additionalProperties": _schema(kind.value_type)}
    if isinstance(kind, types.VarTupleType):
        return {"type": "array", "items": _schema(kind.item_type)}
    if isinstance(kind, types.AnyType):
        return {}
    for scalar, name in ((types.StrType, "string"), (types.IntType, "integer"), (types.BoolType, "boolean")):
        if isinstance(kind, scalar):
            return {"type": name}
    raise TypeError(f"{kind} has no structural schema")


def _object(kind: types.StructType) -> Json:
    described = docstrings(kind.cls)
    properties: Json = {}
    for field in kind.fields:
        own = _schema(field.type)
        description = described.get(field.name) or own.get("description", "")
        properties[field.encode_name] = {"description": description, **_without_description(own)}
    required = sorted(field.encode_name for field in kind.fields if field.required)
    found: Json = {"description": inspect.getdoc(kind.cls) or "", "type": "object"}
    if required:
        found["required"] = required
    return {**found, "properties": dict(sorted(properties.items()))}


def _without_description(own: Json) -> Json:
    return {key: value for key, value in own.items() if key != "description"}


@cache
def docstrings(cls: type) -> dict[str, str]:
    """The text that follows each field in the source of its class."""
    tree: Any = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    found: dict[str, str] = {}
    body = tree.body[0].body
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match text:
                case ast.Expr(value=ast.Constant(value=str(words))):
                    found[field.target.id] = " ".join(words.split())
    return found
