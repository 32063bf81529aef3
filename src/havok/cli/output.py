"""How results are printed: tables as kubectl does them, or the API objects themselves for programs.

Formats: ``table``, ``wide``, ``json``, ``yaml``, ``name``, ``jsonpath=TEMPLATE``. Machine formats are the API
objects, never translated. Pure: everything here returns text.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from havok.cli.commands import nearest
from havok.errors import UsageError

FORMATS: Final = ("table", "wide", "json", "yaml", "name", "jsonpath")
GAP: Final = 3


class Format(msgspec.Struct, frozen=True):
    """A parsed `-o`: its kind, and for `jsonpath` the template."""

    kind: str
    template: str = ""

    @property
    def for_people(self) -> bool:
        """Whether the output is a table."""
        return self.kind in ("table", "wide")


class Column(msgspec.Struct, frozen=True):
    """A column: its heading and whether only `-o wide` shows it."""

    heading: str
    wide: bool = False


def parse_format(text: str, *, allowed: Sequence[str] = FORMATS) -> Format:
    """The format named by `-o`. Raises UsageError `cli.output.unknown`."""
    kind, _, template = text.partition("=")
    if kind in allowed and (kind == "jsonpath") == bool(template):
        return Format(kind, template)
    known = [f"{name}={{.path}}" if name == "jsonpath" else name for name in allowed]
    near = nearest(kind, list(allowed))
    raise UsageError(
        "cli.output.unknown",
        f"there is no output format {text}",
        f"choose from {', '.join(known)}" + (f"; did you mean {near}?" if near and near != kind else ""),
        format=text, formats=", ".join(known),
    )  # fmt: skip


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], *, wide: bool = False, headers: bool = True
) -> str:
    """Columns as wide as their longest cell, three spaces apart, nothing cut.

    Widths are those of a terminal: a Chinese character takes two columns.
    """
    from rich.cells import cell_len

    kept = [index for index, column in enumerate(columns) if wide or not column.wide]
    lines = [[columns[index].heading for index in kept]] if headers else []
    lines += [[row[index] or "-" for index in kept] for row in rows]
    if not lines:
        return ""
    widths = [max(cell_len(line[at]) for line in lines) for at in range(len(kept))]
    return "\n".join(_padded(line, widths, cell_len) for line in lines)


def _padded(line: Sequence[str], widths: Sequence[int], measure: Any) -> str:
    cells = [cell + " " * (width - measure(cell) + GAP) for cell, width in zip(line, widths, strict=True)]
    return "".join(cells).rstrip()


def objects(items: Sequence[dict[str, Any]], form: Format, *, single: bool) -> str:
    """API objects in a machine format; several are wrapped in a `List` as kubectl does."""
    from havok.codec import encode_json, encode_yaml

    if form.kind == "name":
        return "\n".join(object_name(item) for item in items)
    whole = items[0] if single and items else {"apiVersion": "v1", "kind": "List", "items": list(items)}
    if form.kind == "json":
        return encode_json(whole, indent=2).decode()
    if form.kind == "yaml":
        return encode_yaml(whole).rstrip("\n")
    from havok.cli.jsonpath import evaluate

    return evaluate(form.template, whole)


def object_name(item: dict[str, Any]) -> str:
    """`javaboot.app.logancloud.com/demo`, as kubectl writes it."""
    group = item.get("apiVersion", "").rpartition("/")[0]
    kind = item.get("kind", "").lower()
    return f"{kind}.{group}/{item['metadata']['name']}" if group else f"{kind}/{item['metadata']['name']}"
