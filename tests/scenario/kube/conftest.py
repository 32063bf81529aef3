"""One control plane for all scenarios of a run, a namespace of its own for each test."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from havok.kube import Client
from havok.kube.resources import NAMESPACES
from support.controlplane import ControlPlane


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the API server."""
    for item in items:
        if "scenario/kube" in str(item.path):
            item.add_marker(pytest.mark.kube)


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver, started once."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane


@pytest.fixture(scope="session")
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    """An administrator's client, straight to the server."""
    async with Client(control_plane.access()) as client:
        yield client


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[str]:
    """A new namespace. It stays: without a controller manager nobody could empty it."""
    name = f"t-{uuid4().hex[:10]}"
    await client.create(NAMESPACES, {"metadata": {"name": name}})
    yield name
