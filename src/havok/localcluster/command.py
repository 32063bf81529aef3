"""Runs the machine's own commands (ip, iptables, mount, ctr) and says what failed."""

import subprocess
from collections.abc import Sequence

from havok.errors import HavokError


def run(command: Sequence[str], *, stdin: str | None = None, timeout: float = 60.0) -> str:
    """The command's standard output. Raises HavokError `cluster.command.failed` with its last words."""
    try:
        done = subprocess.run(
            list(command), input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(command, str(error)) from error
    if done.returncode != 0:
        raise _failed(command, (done.stderr or done.stdout).strip()[-400:] or f"exit code {done.returncode}")
    return done.stdout


def succeeds(command: Sequence[str], *, timeout: float = 60.0) -> bool:
    """Whether the command ends with 0; for questions, where failing is an answer."""
    try:
        return (
            subprocess.run(list(command), capture_output=True, timeout=timeout, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def _failed(command: Sequence[str], reason: str) -> HavokError:
    words = " ".join(command[:6])
    return HavokError(
        "cluster.command.failed",
        f"`{words}` failed: {reason}",
        "run `havok doctor` to see what this machine lacks",
        command=words, reason=reason,
    )  # fmt: skip
