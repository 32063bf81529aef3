"""JSON and YAML, in and out: the only module that knows which libraries do it.

Decoding into a struct skips every byte the struct does not name, which is what makes read views cheap.
"""

from typing import Any, TypeVar, overload

import msgspec

from havok.errors import UsageError

T = TypeVar("T")

Json = dict[str, Any]


@overload
def decode_json(data: bytes | str, kind: type[T]) -> T: ...
@overload
def decode_json(data: bytes | str) -> Any: ...
def decode_json(data: bytes | str, kind: Any = Any) -> Any:
    """The value of a JSON text as `kind`. Raises UsageError `codec.json.invalid`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise UsageError(
            "codec.json.invalid",
            f"not the JSON expected: {error}",
            "correct it at the place named, or give the file that was meant",
            reason=str(error),
        ) from error


def encode_json(value: object, *, indent: int = 0) -> bytes:
    """Compact JSON, or indented for people; structs by their wire names, None kept."""
    data = msgspec.json.encode(value)
    return msgspec.json.format(data, indent=indent) if indent else data


def decode_yaml(text: str | bytes, *, source: str = "text") -> list[Any]:
    """Every document of a YAML stream, empty ones left out.

    Raises UsageError `codec.yaml.invalid` with the line and column.
    """
    import yaml

    try:
        documents = yaml.load_all(text, Loader=_loader())
        return [document for document in documents if document is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        reason = error.problem or "malformed"
        raise UsageError(
            "codec.yaml.invalid",
            f"{source} is not valid YAML at line {line}, column {column}: {reason}",
            "correct that line; indentation must be spaces, not tabs",
            source=source, line=line, column=column, reason=reason,
        ) from error  # fmt: skip
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(
            "codec.yaml.unreadable",
            f"{source} cannot be read as YAML: {error}",
            "save the file as UTF-8 text",
            source=source, reason=str(error),
        ) from error  # fmt: skip


def encode_yaml(*documents: object) -> str:
    """Block-style YAML, keys in the order given, documents parted by `---`."""
    import yaml

    plain = [msgspec.to_builtins(document) for document in documents]
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump_all(plain, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120))


def _loader() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
