"""JSON and YAML, in and out: the only module that knows which libraries do it.

Decoding into a struct skips every byte the struct does not name, which is what makes read views cheap.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, TypeVar, overload

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

    with _explained(source):
        documents = yaml.load_all(text, Loader=_loader())
        return [document for document in documents if document is not None]


def decode_go_yaml(text: bytes, *, source: str = "text") -> Any:
    """The first document as Kubernetes' own tools read it: JSON, or YAML by the rules of Go's library.

    Those differ from ours in plain words: ``y`` is true and ``1e3`` a number, while ``2001-01-01`` and
    ``1:30`` are texts. What comes after the first document is not looked at. Raises as `decode_yaml`.
    """
    if text.lstrip()[:1] == b"{":
        try:
            return msgspec.json.decode(text)
        except msgspec.MsgspecError:
            pass  # flow-style YAML begins like that too
    with _explained(source):
        loader = _go_loader()(text)
        try:
            return loader.get_data() if loader.check_data() else None
        finally:
            loader.dispose()


@contextmanager
def _explained(source: str) -> Iterator[None]:
    import yaml

    try:
        yield
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


_GO_WORDS: Final = (
    ("bool", "y|yes|n|no|true|false|on|off", "yYnNtTfFoO"),
    ("null", "~|null|", "~nN\0"),
    ("int", r"[-+]?(?:0b[01_]+|0x[0-9a-f_]+|0o?[0-7_]+|[1-9][0-9_]*|0)", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:e[-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+.0123456789"),
    ("merge", "<<", "<"),
)
"""Which plain words are no texts for Go's YAML library (its resolve.go), and how those begin."""


@cache
def _go_loader() -> Any:
    class Loader(_loader()):  # type: ignore[misc]
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML's own way

    for kind, words, first in _GO_WORDS:
        pattern = re.compile(f"(?:{words})", re.IGNORECASE) if kind != "merge" else re.compile(words)
        whole = re.compile(f"^{pattern.pattern}$", pattern.flags)
        Loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{kind}", whole, ["" if c == "\0" else c for c in first]
        )
    Loader.add_constructor("tag:yaml.org,2002:int", _go_number)
    Loader.add_constructor("tag:yaml.org,2002:float", _go_number)
    Loader.add_constructor("tag:yaml.org,2002:bool", _go_truth)
    return Loader


def _go_number(loader: Any, node: Any) -> int | float:
    text = loader.construct_scalar(node).replace("_", "").lower()
    for base in (0, 8):
        try:
            return int(text, base)
        except ValueError:
            continue
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _go_truth(loader: Any, node: Any) -> bool:
    return loader.construct_scalar(node).lower() in ("y", "yes", "true", "on")
