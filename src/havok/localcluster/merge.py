"""Putting a local cluster into the kubeconfig a person already has.

Only the entries with the cluster's own names are written; every other entry, and the current context when
there is one, stays as it is. The file before is kept beside it as ``<file>.havok-backup``, comments and all;
a file that is just as we wrote it never takes the place of that copy.
"""

import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from havok.codec import decode_yaml, encode_yaml
from havok.errors import UsageError
from havok.localcluster.pki import write_private

LISTS = ("clusters", "users", "contexts")


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: the file, its backup ("" when there was no file before), the context now current."""

    file: str
    backup: str
    context: str
    current_context: str
    changed: bool


def person_file(environ: Mapping[str, str] | None = None) -> Path:
    """The first file of $KUBECONFIG, else ~/.kube/config: where kubectl writes too."""
    environ = os.environ if environ is None else environ
    for part in environ.get("KUBECONFIG", "").split(os.pathsep):
        if part:
            return Path(part)
    return Path(environ.get("HOME", "~")).expanduser() / ".kube" / "config"


def into(file: Path, ours: str) -> Merged:
    """Merge the kubeconfig text `ours` into `file`. Raises UsageError `cluster.kubeconfig.malformed`."""
    before = _read(file)
    theirs, addition = _document(file, before), decode_yaml(ours)[0]
    merged = join(theirs, addition)
    backup = Path(f"{file}.havok-backup")
    result = Merged(
        file=str(file),
        backup=str(backup) if before else "",
        context=addition["current-context"],
        current_context=merged["current-context"],
        changed=theirs != merged,
    )
    if result.changed:
        target = file.resolve()
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if before and not (backup.exists() and before == encode_yaml(theirs)):
            write_private(backup, before.encode())
        write_private(target, encode_yaml(merged).encode())
    return result


def join(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """`theirs` with the entries of `ours` in place of those of the same names. Pure."""
    merged = {"apiVersion": "v1", "kind": "Config", **theirs}
    for part in LISTS:
        new = {entry["name"]: entry for entry in ours.get(part) or []}
        kept = [new.pop(entry.get("name"), entry) for entry in theirs.get(part) or []]
        merged[part] = [*kept, *new.values()]
    if not merged.get("current-context"):
        merged["current-context"] = ours["current-context"]
    return merged


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise _malformed(file) from error


def _document(file: Path, text: str) -> dict[str, Any]:
    documents = decode_yaml(text, source=str(file))
    document = documents[0] if documents else {}
    if len(documents) > 1 or not isinstance(document, dict):
        raise _malformed(file)
    if not all(_is_list_of_entries(document.get(part)) for part in LISTS):
        raise _malformed(file)
    return document


def _is_list_of_entries(value: Any) -> bool:
    entries = [] if value is None else value
    return isinstance(entries, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("name"), Hashable) for entry in entries
    )


def _malformed(file: Path) -> UsageError:
    return UsageError(
        "cluster.kubeconfig.malformed",
        f"{file} is not a kubeconfig; nothing was changed",
        "correct it, or write elsewhere: `havok kubeconfig > FILE` and export KUBECONFIG=FILE",
        file=str(file),
    )
