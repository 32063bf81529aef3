"""Debian packages that a local cluster needs: installing them, once somebody said yes.

Debian starts services at their installation, and its docker-registry would listen on every address. A local
cluster runs its own, so a policy file (invoke-rc.d(8)) keeps services from starting meanwhile.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from havok.errors import HavokError

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# havok setup: no service starts during this installation\nexit 101\n"


def line(names: Sequence[str]) -> str:
    """The exact command a person can run instead."""
    return f"apt-get install --yes --no-install-recommends {' '.join(names)}"


def install(names: Sequence[str]) -> None:
    """Install packages, output to stderr, nothing asked. Raises HavokError `cluster.packages.failed`."""
    if shutil.which("apt-get") is None:
        raise _failed(names, "this machine has no apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["--yes", "--no-install-recommends"]
    with no_service_starts(POLICY):
        for command in (
            ["apt-get", "update", "--quiet"],
            ["apt-get", "install", "--quiet", *options, *names],
        ):
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=environment,
                check=False,
            )
            if done.returncode != 0:
                raise _failed(names, (done.stderr or done.stdout).strip()[-400:])


@contextlib.contextmanager
def no_service_starts(policy: Path) -> Iterator[None]:
    """Keep Debian from starting services; a person's own policy stays, one that a killed run left is ours."""
    ours = not policy.exists() or "havok setup" in policy.read_text()
    if ours:
        policy.write_text(POLICY_TEXT)
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink(missing_ok=True)


def _failed(names: Sequence[str], reason: str) -> HavokError:
    return HavokError(
        "cluster.packages.failed",
        f"the packages {' '.join(names)} could not be installed: {reason}",
        f"run it by hand to see more: {line(names)}",
        packages=" ".join(names), reason=reason, line=line(names),
    )  # fmt: skip
