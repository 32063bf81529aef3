"""The errors of getting binaries, and how a failed build's output is read for its cause."""

import errno
import re
from pathlib import Path
from typing import Final

from havok.errors import ConflictError, HavokError

TAIL: Final = 8
"""How many last lines of a failed build's output the error shows."""

_CAUSES: Final = (
    ("disk", re.compile(r"no space left on device", re.I)),
    ("tampered", re.compile(r"SECURITY ERROR|checksum mismatch", re.I)),
    ("killed", re.compile(r"signal: killed|cannot allocate memory|out of memory", re.I)),
    (
        "unreachable",
        re.compile(
            r"dial tcp|no such host|connection re(fused|set)|i/o timeout|TLS handshake|proxyconnect"
            r"|network is unreachable|Service Unavailable|Bad Gateway|module lookup disabled",
            re.I,
        ),
    ),
)


def unwritable(root: Path, error: OSError) -> HavokError:
    """The cache folder refuses to be written; a full disk is told as such."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(root)
    reason = error.strerror or str(error)
    return HavokError(
        "binaries.cache.unwritable",
        f"the cache folder {root} cannot be written: {reason}",
        "make it writable, or name another with the setting cluster.cache (HAVOK_CLUSTER_CACHE)",
        path=str(root), reason=reason,
    )  # fmt: skip


def disk_full(root: Path, *, needed: int | None = None, free: int | None = None) -> HavokError:
    """No room below `root`; `needed` and `free` in bytes, when it was noticed beforehand."""
    hint = "free some space, or put the cache elsewhere with HAVOK_CLUSTER_CACHE; then run this again"
    if needed is None or free is None:
        return HavokError(
            "binaries.disk.full",
            f"the disk below {root} is full",
            hint + ": it goes on from here",
            path=str(root),
        )
    need, have = gib(needed), gib(free)
    return HavokError(
        "binaries.disk.short",
        f"building Kubernetes needs {need} GiB below {root}, and {have} GiB are free",
        hint, path=str(root), needed=need, free=have,
    )  # fmt: skip


def busy(holder: str) -> HavokError:
    """The cache cannot be cleaned while somebody builds in it."""
    return ConflictError(
        "binaries.cache.busy",
        f"another process is building in the cache: {holder}",
        "wait until it has finished, or stop it; then run the same command again",
        holder=holder,
    )


def build_failed(name: str, log: Path, code: int, root: Path) -> HavokError:
    """Why `go build` of `name` ended with `code`, read from its log."""
    text = _read(log)
    tail = "\n".join(line for line in text.splitlines()[-TAIL:])
    cause = "killed" if code in (-9, 137) else _cause(text)
    if cause == "disk":
        return disk_full(root)
    known = f"binaries.build.{cause}"
    said, hint = _WORDS[known]
    return HavokError(
        known,
        said.format(name=name, log=log) + (f" and ends with:\n{tail}" if tail else ""),
        hint, name=name, log=str(log), tail=tail,
    )  # fmt: skip


def gib(size: int) -> str:
    """Bytes in GiB for people: `4.0`."""
    return f"{size / 2**30:.1f}"


_WORDS: Final = {
    "binaries.build.failed": (
        "building {name} failed; its output is in {log}",
        "read the log for the first error; running the same command again goes on from where it stopped",
    ),
    "binaries.build.tampered": (
        "building {name} was refused: what was downloaded is not what the pins name; the output is in {log}",
        "a proxy changed a module, or its copy is damaged; set GOPROXY to one that you trust and run again",
    ),
    "binaries.build.killed": (
        "building {name} was killed, most likely because memory ran out; its output is in {log}",
        "close other programs (linking needs 3 GiB of free memory), then run again: it goes on from there",
    ),
    "binaries.build.unreachable": (
        "building {name} could not download its Go modules; the output is in {log}",
        "check the network; behind a proxy set HTTPS_PROXY, or GOPROXY to a reachable module proxy",
    ),
}


def _cause(text: str) -> str:
    return next((name for name, pattern in _CAUSES if pattern.search(text)), "failed")


def _read(log: Path) -> str:
    try:
        return log.read_text("utf-8", errors="replace")
    except OSError:
        return ""
