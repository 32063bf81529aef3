"""A tiny Go module instead of Kubernetes: the same way through cache, mirror and compiler, in a second."""

from collections.abc import Callable
from pathlib import Path

import pytest

from havok.localcluster.binaries.progress import Fact, Note, Step
from havok.localcluster.binaries.table import Binary, Group, Table
from havok.settings import Settings

VERSION = "9.9.9"
GOOD = 'package main\n\nfunc main() { println("tiny v9.9.9") }\n'


class Seen(list[Fact]):
    """A progress that keeps what it is told."""

    def __call__(self, fact: Fact) -> None:
        self.append(fact)

    @property
    def phases(self) -> list[str]:
        return list(dict.fromkeys(str(fact.phase) for fact in self if isinstance(fact, Step)))

    @property
    def notes(self) -> list[str]:
        return [fact.key for fact in self if isinstance(fact, Note)]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One Go build cache for all tests, so that the runtime is compiled once."""
    return tmp_path_factory.mktemp("go")


@pytest.fixture(autouse=True)
def loopback_without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def root(tmp_path: Path, compiled: Path) -> Path:
    """The cache folder of this test."""
    root = tmp_path / "cache"
    (root / "go").mkdir(parents=True)
    (root / "go" / "build").symlink_to(compiled)
    return root


@pytest.fixture
def settings(root: Path) -> Callable[..., Settings]:
    """Settings with this test's cache and no mirror, and whatever is given (`mirror=…`)."""

    def make(**values: object) -> Settings:
        flags = {"cluster.cache": str(root), "cluster.mirror": ""}
        return Settings.load(flags=flags | {f"cluster.{k}": v for k, v in values.items()}, environ={})

    return make


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The pins of the tiny program; a test may change its source."""
    folder = tmp_path / "pins"
    folder.mkdir()
    (folder / "go.mod").write_text("module havok.test/tiny\n\ngo 1.24.0\n")
    (folder / "main.go").write_text(GOOD)
    return folder


@pytest.fixture
def table(module: Path) -> Table:
    """One binary, `tiny`, that the release site publishes."""
    group = Group(name="tiny", version=VERSION, pins=module, disk=1)
    return {"tiny": Binary(name="tiny", group=group, package="havok.test/tiny", seconds=1, published=True)}
