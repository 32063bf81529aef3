"""The wheel alone: installed where no repository is, it makes a cluster and runs a sample in it.

`WHEEL_PYTHONS` names more interpreters to install it for, separated by blanks; each costs a quarter of
a minute and no cluster.
"""

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import havok
from havok.localcluster.binaries.cache import Cache
from havok.settings import Settings
from scenario.cluster.conftest import refuse_where_impossible
from scenario.cluster.leftovers import traces
from support.cluster import Done, LocalCluster, run

ROOT = Path(__file__).resolve().parents[3]
NAME = "havok-test-wheel"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PYTHONS = [sys.executable, *os.environ.get("WHEEL_PYTHONS", "").split()]
NOT_CODE = {".pyc", ".pyo", ".tar", ".inputs"}
NETWORK = ("PIP_", "HTTP", "http", "HTTPS", "https", "NO_PROXY", "no_proxy", "SSL_", "REQUESTS_")


@dataclass(frozen=True)
class Installed:
    """A virtual environment that has the wheel, and a home with nothing in it."""

    folder: Path
    home: Path

    def __call__(self, *words: str, environ: Mapping[str, str] | None = None, check: bool = True) -> Done:
        """`havok WORDS` with nothing of the caller's environment, from the home."""
        program = [str(self.folder / "bin/havok"), *words]
        command = ["env", f"--chdir={self.home}", *program]
        clean = {"PATH": SYSTEM_PATH, "HOME": str(self.home)}
        return run(command, {**clean, **(environ or {})}, check, timeout=170)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, made by the locked build backend."""
    folder = tmp_path_factory.mktemp("dist")
    hatchling(ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(sys.executable, wheel, tmp_path_factory.mktemp("installed"))


def hatchling(source: Path, output: Path, *flags: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(output), *flags]
    subprocess.run(command, cwd=source, check=True, capture_output=True)


def install(python: str, wheel: Path, folder: Path) -> Installed:
    """Dependencies by their hashes, then the wheel; the installer is that of the tests."""
    environment, home = folder / "venv", folder / "home"
    home.mkdir()
    network = {name: value for name, value in os.environ.items() if name.startswith(NETWORK)}
    downloads = {"PIP_CACHE_DIR": str(Path.home() / ".cache/pip"), **network}
    clean = {"PATH": SYSTEM_PATH, "HOME": str(home), **downloads}
    run([python, "-m", "venv", "--without-pip", str(environment)], clean)
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), "install", "--quiet"]
    pip.append("--no-compile")  # a few commands need few modules
    run([*pip, "--require-hashes", "-r", str(ROOT / "requirements/run.txt")], clean, timeout=170)
    run([*pip, "--no-deps", "--no-index", str(wheel)], clean)
    return Installed(environment, home)


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_has_every_file_of_the_package_and_the_samples(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "src/havok", "examples"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    ours = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    wanted = {name.removeprefix("src/") if name.startswith("src/") else f"havok/{name}" for name in ours}
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found == wanted
    assert not [name for name in found if Path(name).suffix in NOT_CODE or "__pycache__" in name]


def test_the_metadata_is_whole(wheel: Path) -> None:
    found = metadata(wheel)
    assert found["Version"] == havok.__version__
    assert found["License-Expression"] == "Apache-2.0"
    assert found["License-File"] == "LICENSE"
    assert found["Requires-Python"] == ">=3.11"
    assert found["Description-Content-Type"] == "text/markdown"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = found.get_all("Requires-Dist") or []
    assert len(required) == len(project["dependencies"])
    assert not [line for line in required if "extra ==" in line]


def test_the_sdist_makes_the_same_wheel(built: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    hatchling(next(tmp_path.iterdir()), tmp_path / "again", "--target", "wheel")
    assert (tmp_path / "again" / wheel.name).read_bytes() == wheel.read_bytes()


@pytest.mark.parametrize("python", PYTHONS)
def test_commands_answer_without_the_repository(
    python: str, wheel: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    own = python == sys.executable
    installed = request.getfixturevalue("installed") if own else install(python, wheel, tmp_path)
    assert installed("version").out.startswith(f"havok {havok.__version__}")
    assert "sample" in installed("--help").out
    explained = installed("explain", "sample.jdk.missing", environ={"HAVOK_LANG": "zh"}).out
    assert "JDK 17" in explained
    assert "没有安装" in explained
    findings = json.loads(installed("doctor", "-o", "json", check=False).out)
    assert "platform" in [finding["check"] for finding in findings]
    refused = installed("sample", "pyton", check=False)
    assert refused.code == 2
    assert "try python" in refused.err


@pytest.fixture(scope="module")
def environ() -> Mapping[str, str]:
    """Where the built binaries are, and that a throw-away etcd need not wait for the disk."""
    refuse_where_impossible()
    cache = Cache.of(Settings.load()).root
    told = {"HAVOK_CLUSTER_CACHE": str(cache), "HAVOK_CLUSTER_DURABLE": "false"}
    named = ("HAVOK_CLUSTER_HOME", "HAVOK_CLUSTER_BIN_DIR")
    return told | {name: os.environ[name] for name in named if name in os.environ}


@pytest.fixture
def own_cluster(installed: Installed, environ: Mapping[str, str]) -> Iterator[LocalCluster]:
    cluster = LocalCluster(NAME)
    cluster.purge()
    try:
        yield cluster
    finally:
        cluster.purge()


def test_a_stranger_gets_a_cluster_and_a_sample_that_answers(
    own_cluster: LocalCluster, installed: Installed, environ: Mapping[str, str]
) -> None:
    installed("up", "--name", NAME, environ=environ)
    layout = own_cluster.layout
    done = installed("sample", "python", "--name", NAME, environ=environ)
    told = next(line for line in done.err.splitlines() if "KUBECONFIG=" in line)
    reached = {**environ, "KUBECONFIG": told.split("KUBECONFIG=")[1]}
    address = installed("open", "demo-pythonboot", "--background", environ=reached).out.strip()
    try:
        with urllib.request.urlopen(address + "health", timeout=10) as answer:
            assert json.load(answer) == {"status": "UP"}
    finally:
        installed("open", "--stop", "demo-pythonboot", environ=reached)
    installed("down", "--name", NAME, "--purge", "--yes", environ=environ)
    assert traces(layout) == []
    assert not [path for path in installed.folder.rglob("*") if path.suffix in {".tar", ".inputs"}]
