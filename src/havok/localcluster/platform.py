"""Whether this machine can hold a local cluster at all, and the one plain refusal where it cannot."""

import os
import platform

from havok.errors import HavokError, UsageError


def check() -> None:
    """Raises UsageError `cluster.platform.unsupported`."""
    refusal = refuse(platform.system())
    if refusal is not None:
        raise refusal


def root() -> bool:
    """Whether we may make namespaces, mounts and rules; without that nodes are simulated."""
    return os.geteuid() == 0


def refuse(system: str) -> HavokError | None:
    """Why a machine like this cannot; None when it can. Pure."""
    if system == "Linux":
        return None
    where = {"Darwin": "macOS"}.get(system, system)
    return UsageError(
        "cluster.platform.unsupported",
        f"a local cluster needs Linux; this is {where}",
        "use an existing cluster: every other command works with its kubeconfig "
        "(`havok deploy --kubeconfig FILE`); or run `havok up` in a Linux virtual machine",
        where=where,
    )
