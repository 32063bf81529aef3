"""How results are printed: tables as kubectl does them, or the API objects themselves for programs.

Formats: ``table``, ``wide``, ``json``, ``yaml``, ``name``, ``jsonpath=TEMPLATE``. Machine formats are the API
objects, never translated. Pure: everything here returns text.
"""

from collections.abc import Callable, Iterable, Sequence
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
    """Columns as wide as their longest cell, three spaces apart, nothing cut."""
    return Table(columns, wide=wide, headers=headers).render(rows)


class Table:
    """A table that grows: later rows keep the widths of the earlier ones and the headings come once.

    Widths are those of a terminal: a Chinese character takes two columns.
    """

    def __init__(self, columns: Sequence[Column], *, wide: bool = False, headers: bool = True) -> None:
        self._kept = [index for index, column in enumerate(columns) if wide or not column.wide]
        self._headings = [columns[index].heading for index in self._kept]
        self._headers = headers
        self._widths = [0] * len(self._kept)

    def render(self, rows: Iterable[Sequence[str]]) -> str:
        """These rows as lines; empty when there is nothing to print."""
        from rich.cells import cell_len

        lines = [self._headings] if self._headers else []
        lines += [[row[index] or "-" for index in self._kept] for row in rows]
        self._headers = False
        for line in lines:
            self._widths = [
                max(width, cell_len(cell)) for width, cell in zip(self._widths, line, strict=True)
            ]
        return "\n".join(self._line(line, cell_len) for line in lines)

    def _line(self, cells: Sequence[str], measure: Callable[[str], int]) -> str:
        padded = (
            cell + " " * (width - measure(cell)) for cell, width in zip(cells, self._widths, strict=True)
        )
        return (" " * GAP).join(padded).rstrip()


def objects(items: Sequence[dict[str, Any]], form: Format, *, single: bool) -> str:
    """API objects in a machine format, as kubectl prints them: without managedFields, several in a `List`."""
    from havok.codec import encode_json, encode_yaml

    if form.kind == "name":
        return "\n".join(object_name(item) for item in items)
    shown = [_without_bookkeeping(item) for item in items]
    whole = shown[0] if single and shown else {"apiVersion": "v1", "kind": "List", "items": shown}
    if form.kind == "json":
        return encode_json(whole, indent=2).decode()
    if form.kind == "yaml":
        return encode_yaml(whole).rstrip("\n")
    from havok.cli.jsonpath import evaluate

    return evaluate(form.template, whole)


def one_line(item: dict[str, Any]) -> str:
    """One API object as a line of JSON, for streams."""
    from havok.codec import encode_json

    return encode_json(_without_bookkeeping(item)).decode()


def object_name(item: dict[str, Any]) -> str:
    """`javaboot.app.logancloud.com/demo`, as kubectl writes it."""
    group = item.get("apiVersion", "").rpartition("/")[0]
    kind = item.get("kind", "").lower()
    return f"{kind}.{group}/{item['metadata']['name']}" if group else f"{kind}/{item['metadata']['name']}"


def _without_bookkeeping(item: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in item.get("metadata", {}).items() if key != "managedFields"}
    return {**item, "metadata": metadata}
