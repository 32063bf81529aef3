"""Running `havok` as a person does: a process of its own, its exit code and both streams."""

import os
import signal
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec

from havok.codec import encode_yaml
from support.controlplane import ControlPlane

PATIENCE = 60


class Done(msgspec.Struct, frozen=True):
    """How a command ended."""

    code: int
    out: str
    err: str


class Shell:
    """Commands in one folder with one kubeconfig."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "KUBECONFIG": str(kubeconfig),
            "HAVOK_LANG": "en", "PYTHONPATH": os.pathsep.join(sys.path),
        }  # fmt: skip

    def __call__(self, *words: str, **environ: str) -> Done:
        """Run to the end."""
        process = self.start(*words, **environ)
        out, err = process.communicate(timeout=PATIENCE)
        return Done(process.returncode, out, err)

    def start(self, *words: str, **environ: str) -> "subprocess.Popen[str]":
        """Start and leave running; its standard error comes line by line."""
        return subprocess.Popen(
            [sys.executable, "-m", "havok.cli.main", *words], cwd=self.folder, text=True,
            env={**self.environ, **environ}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    def interrupt(self, process: "subprocess.Popen[str]") -> Done:
        """Press Ctrl-C and see how it ends."""
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        return Done(process.returncode, out, err)

    def write(self, name: str, text: str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """The first line of standard error with these words; the process's end fails the test."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"it ended with {process.wait()} and never said {words!r}")


def write_kubeconfig(path: Path, plane: ControlPlane, *, namespace: str, token: str = "") -> Path:
    """A kubeconfig for an administrator, or for the bearer of a token."""
    access = plane.access()
    user: dict[str, Any] = {"token": token}
    if not token:
        user = {
            "client-certificate-data": b64encode(access.credentials.certificate).decode(),
            "client-key-data": b64encode(access.credentials.key).decode(),
        }
    cluster = {
        "server": plane.server,
        "certificate-authority-data": b64encode(plane.authority.certificate).decode(),
    }
    body = {
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "me", "user": user}],
        "contexts": [
            {"name": "test", "context": {"cluster": "test", "user": "me", "namespace": namespace}}
        ],
    }  # fmt: skip
    path.write_text(encode_yaml(body), "utf-8")
    path.chmod(0o600)
    return path
