"""What a Boot remembers of its volume claims, and which changes of mounts count (contract 3.10).

Pure. Two annotations on the Boot hold its claims and all mounts of its container. They are read as values and
never compared as texts, since the Go operator writes the same value in other ways.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from havok.boots import names
from havok.codec import Json, decode_json, encode_json
from havok.crds import BootSpec
from havok.errors import HavokError

SHARED: Final = "shared"
"""The label of a claim that every app may read."""


def remembered(spec: BootSpec, mounts: Sequence[Json], annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations that are to change, given the rendered mounts of the app container."""
    claims = list(msgspec.to_builtins(spec.pvc))
    if claims and _read(annotations.get(names.BOOT_PVCS)) == claims:
        return {}
    kept = [{field: value for field, value in mount.items() if value not in (False, "")} for mount in mounts]
    wanted = {names.BOOT_PVCS: claims or None, names.DEPLOY_PVCS: kept or None}
    texts = {names.BOOT_PVCS: _text(claims) if claims else "", names.DEPLOY_PVCS: _text(kept or None)}
    return {
        key: text
        for key, text in texts.items()
        if key not in annotations or _read(annotations[key]) != wanted[key]
    }


def changed_mounts(wanted: Sequence[Any], live: Sequence[Any]) -> set[str]:
    """Names of the volumes whose mounts were added, removed or changed."""
    return {one.name for one in (*wanted, *live) if (one in wanted) != (one in live)}


def counts(labels: Mapping[str, str], pod_labels: Mapping[str, str]) -> bool:
    """Whether a claim with these labels may be this app's, so that a change of its mount deploys."""
    return labels.get(SHARED) == "true" or labels == pod_labels


def _text(value: Any) -> str:
    """Compact JSON as Go writes it, with angle brackets and ampersands escaped."""
    text = encode_json(value).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _read(text: str | None) -> Any:
    """The value, with empty ones as None; what cannot be read is no value at all."""
    try:
        return (decode_json(text) or None) if text else None
    except HavokError:
        return None
