"""Boots as rows of a table: the columns of the CRD, with READY and AGE as people read them. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from havok.cli.output import Column
from havok.clock import age, parse_rfc3339

COLUMNS: Final = (
    Column("NAMESPACE"),
    Column("NAME"),
    Column("KIND"),
    Column("READY"),
    Column("CURRENT"),
    Column("WORKLOAD"),
    Column("SERVICES"),
    Column("VERSION"),
    Column("AGE"),
    Column("IMAGE", wide=True),
    Column("REVISION", wide=True),
    Column("STATE", wide=True),
)


def columns(*, namespaces: bool) -> tuple[Column, ...]:
    """The columns, with or without NAMESPACE."""
    return COLUMNS if namespaces else COLUMNS[1:]


def row(kind: str, boot: Mapping[str, Any], now: datetime, *, namespaces: bool) -> tuple[str, ...]:
    """One Boot, in the order of `columns`."""
    metadata, spec, status = boot["metadata"], boot.get("spec") or {}, boot.get("status") or {}
    cells = (
        metadata["namespace"],
        metadata["name"],
        kind,
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', '?')}",
        str(status.get("currentReplicas", 0)),
        status.get("workload", ""),
        status.get("services", ""),
        str(spec.get("version", "")),
        _age(metadata.get("creationTimestamp"), now),
        str(spec.get("image", "")),
        str(status.get("revision", "")),
        state(boot),
    )
    return cells if namespaces else cells[1:]


def state(boot: Mapping[str, Any]) -> str:
    """The operator's own words about the Boot, from its conditions: the reason of what is not right."""
    conditions = {one["type"]: one for one in (boot.get("status") or {}).get("conditions") or ()}
    for kind, bad in (("Degraded", "True"), ("Ready", "False"), ("Progressing", "True")):
        if kind in conditions and conditions[kind].get("status") == bad:
            return str(conditions[kind].get("reason") or kind)
    if conditions.get("Paused", {}).get("status") == "True":
        return "Paused"
    return "Ready" if "Ready" in conditions else ""


def _age(created: object, now: datetime) -> str:
    return age(parse_rfc3339(created), now) if isinstance(created, str) else ""
