"""A real API server that knows Boots, and a shell that runs `havok` against it. Nothing acts but the test."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from scenario.cli.shell import Shell, write_kubeconfig
from scenario.cli.stage import Stage
from support.controlplane import ControlPlane


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the API server."""
    for item in items:
        if "scenario/cli" in str(item.path):
            item.add_marker(pytest.mark.kube)


@pytest.fixture(scope="session")
def cli_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver with our custom resources, started once."""
    with ControlPlane(tmp_path_factory.mktemp("cli-plane")) as plane:
        Stage(plane, "default").install()
        yield plane


@pytest.fixture
def stage(cli_plane: ControlPlane) -> Stage:
    """A namespace of the test's own, and the means to play the operator and the kubelet in it."""
    found = Stage(cli_plane, f"t-{uuid4().hex[:8]}")
    found.make_namespace()
    return found


@pytest.fixture
def shell(cli_plane: ControlPlane, stage: Stage, tmp_path: Path) -> Shell:
    """`havok` in an empty folder, its kubeconfig pointing at the test's namespace."""
    return Shell(tmp_path, write_kubeconfig(tmp_path / "kubeconfig", cli_plane, namespace=stage.namespace))
