"""Debian packages that a local cluster needs: installing them, once somebody said yes."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from havok.errors import HavokError


def line(names: Sequence[str]) -> str:
    """The exact command a person can run instead."""
    return f"apt-get install --yes --no-install-recommends {' '.join(names)}"


def install(names: Sequence[str]) -> None:
    """Install packages, output to stderr, nothing asked. Raises HavokError `cluster.packages.failed`."""
    if shutil.which("apt-get") is None:
        raise _failed(names, "this machine has no apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["--yes", "--no-install-recommends"]
    for command in (["apt-get", "update", "--quiet"], ["apt-get", "install", "--quiet", *options, *names]):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
        )
        if done.returncode != 0:
            raise _failed(names, (done.stderr or done.stdout).strip()[-400:])


def _failed(names: Sequence[str], reason: str) -> HavokError:
    return HavokError(
        "cluster.packages.failed",
        f"the packages {' '.join(names)} could not be installed: {reason}",
        f"run it by hand to see more: {line(names)}",
        packages=" ".join(names), reason=reason, line=line(names),
    )  # fmt: skip
