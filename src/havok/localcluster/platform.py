"""Whether this machine can hold a real local cluster at all, and the one plain refusal where it cannot."""

import os
import platform

from havok.errors import HavokError, UsageError
from havok.localcluster.state import needs_root


def check() -> None:
    """Raises UsageError `cluster.platform.unsupported` or ForbiddenError `cluster.root.needed`."""
    refusal = refuse(platform.system(), platform.release(), os.geteuid())
    if refusal is not None:
        raise refusal


def refuse(system: str, release: str, uid: int) -> HavokError | None:
    """Why a machine like this cannot; None when it can. Pure."""
    wsl = "microsoft" in release.lower()
    if system != "Linux" or (wsl and uid != 0):
        where = {"Darwin": "macOS", "Linux": "WSL without root"}.get(system, system)
        return UsageError(
            "cluster.platform.unsupported",
            f"a local cluster needs Linux and root; this is {where}",
            "use an existing cluster: every other command works with its kubeconfig "
            "(`havok deploy --kubeconfig FILE`); or run `havok up` in a Linux virtual machine",
            where=where,
        )
    return needs_root() if uid != 0 else None
