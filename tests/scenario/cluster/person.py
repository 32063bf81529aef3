"""A person without root: a user id of its own, an empty home, this checkout's `havok`, and nothing else."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest

import havok
from support.binaries import binary
from support.cluster import Done, run

UID = 54321
"""Nobody's on a usual machine; what it runs is found by it."""
BINARIES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok")
BARE = ["--reuid", str(UID), "--regid", str(UID), "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
BARE.append("env")
"""What setpriv starts itself is still looked up with the rights of root; what env starts is not."""


@dataclass(frozen=True)
class Person:
    """Commands as this user, without a capability and with an environment of its own."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def havok(self, *words: str, check: bool = True, timeout: float = 120) -> Done:
        python = self.folder / "venv/bin/python"
        command = ["setpriv", *BARE, str(python), "-P", "-m", "havok.cli.main", *words]
        environ = {
            "PATH": "/usr/bin:/bin", "HOME": str(self.home), "HAVOK_LANG": "en",
            "HAVOK_CLUSTER_DURABLE": "false", "HAVOK_CLUSTER_BIN_DIR": str(self.folder / "bin"),
        }  # fmt: skip
        return run(command, environ, check, timeout)

    def processes(self) -> list[str]:
        """The command line of everything that this user runs."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if folder.stat().st_uid == UID:
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found


@contextmanager
def person() -> Iterator[Person]:
    """Make one; nothing of it is left afterwards, whatever happened."""
    folder = Path(mkdtemp(prefix="havok-person-"))
    someone = Person(folder)
    try:
        folder.chmod(0o755)
        someone.home.mkdir()
        os.chown(someone.home, UID, UID)
        _binaries(folder / "bin")
        _python(folder / "venv")
        yield someone
    finally:
        if (folder / "venv/bin/python").exists():
            someone.havok("down", "--purge", "--yes", check=False)
        shutil.rmtree(folder)


def _binaries(folder: Path) -> None:
    """The built programs where another user may read them: the cache lies in a home that is closed."""
    folder.mkdir()
    for name in BINARIES:
        try:
            (folder / name).hardlink_to(binary(name))
        except OSError:
            shutil.copy2(binary(name), folder / name)


def _python(folder: Path) -> None:
    """An environment that finds our modules, made of an interpreter that another user may run."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (Path(sys.base_prefix) / "bin" / version, Path("/usr/bin") / version):
        done = subprocess.run(["setpriv", *BARE, str(candidate), "-V"], capture_output=True, check=False)
        if done.returncode == 0:
            break
    else:
        pytest.skip(f"no {version} that another user may run")
    subprocess.run([str(candidate), "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = Path(pytest.__file__).parents[1]
    source = Path(havok.__file__).parents[1]
    (folder / "lib" / version / "site-packages/havok.pth").write_text(f"{packages}\n{source}\n")
