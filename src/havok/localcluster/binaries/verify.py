"""Asking a binary which version it is, and taking ready ones that the person names.

A binary counts as the pinned one when it runs here and says the pinned version itself.
"""

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

from havok.errors import HavokError, NotFoundError, UsageError
from havok.localcluster.binaries import process
from havok.localcluster.binaries.table import Binary

_VERSION = re.compile(r"(?<![\w.])v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)")
LIMIT = 60.0
"""Seconds that a binary may take to say its version; the first run reads 100 MB from a slow disk."""


async def take_ready(binary: Binary, folder: Path, environ: Mapping[str, str]) -> Path:
    """The binary in `folder`, verified.

    Raises NotFoundError `binaries.ready.missing`, UsageError `binaries.ready.not_executable`, or what
    `require` raises.
    """
    path = folder / binary.name
    if not path.is_file():
        raise NotFoundError(
            "binaries.ready.missing",
            f"{folder} has no {binary.name}",
            f"put {binary.name} {binary.group.version} there, or leave --bin-dir (cluster.bin_dir) out "
            "to have it built",
            name=binary.name, version=binary.group.version, folder=str(folder),
        )  # fmt: skip
    if not os.access(path, os.X_OK):
        raise UsageError(
            "binaries.ready.not_executable", f"{path} is not executable", f"run: chmod +x {path}",
            path=str(path),
        )  # fmt: skip
    await require(binary, path, environ)
    return path


async def require(binary: Binary, path: Path, environ: Mapping[str, str]) -> None:
    """Run `path` and compare. Raises UsageError `binaries.version`, HavokError `binaries.broken`."""
    have = await version(binary, path, environ)
    if have != binary.group.version:
        raise UsageError(
            "binaries.version",
            f"{path} is {binary.name} {have}, and {binary.group.version} is needed",
            f"replace it by {binary.group.version}, or leave --bin-dir (cluster.bin_dir) out "
            "to have it built",
            name=binary.name, path=str(path), have=have, want=binary.group.version,
        )  # fmt: skip


async def version(binary: Binary, path: Path, environ: Mapping[str, str]) -> str:
    """The version that the program prints. Raises HavokError `binaries.broken`."""
    try:
        said = await process.output([str(path), *binary.asks], env=environ, limit=LIMIT)
    except OSError as error:
        raise _broken(binary, path, _why(error)) from error
    except TimeoutError as error:
        raise _broken(binary, path, f"no answer in {LIMIT:.0f} s") from error
    found = parse(said.text)
    if said.code or found is None:
        raise _broken(binary, path, (said.text.strip().splitlines() or [f"exit code {said.code}"])[-1])
    return found


def parse(text: str) -> str | None:
    """The first version in an answer: `Kubernetes v1.37.2`, `etcd Version: 3.7.3`, `CoreDNS-1.15.0`."""
    found = _VERSION.search(text)
    return found[1] if found else None


def _broken(binary: Binary, path: Path, reason: str) -> HavokError:
    return HavokError(
        "binaries.broken",
        f"{path} does not run here: {reason}",
        "remove it and run again; a binary for another kind of processor or system cannot be used",
        name=binary.name, path=str(path), reason=reason,
    )  # fmt: skip


def _why(error: OSError) -> str:
    if error.errno == errno.ENOEXEC:
        return "it is not a program for this machine"
    return error.strerror or str(error)
