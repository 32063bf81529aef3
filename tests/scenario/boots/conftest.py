"""One control plane with our custom resources for all scenarios here; an operator for those that ask."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from havok.kube import Client
from scenario.boots.admitting import admission
from scenario.boots.stage import OPERATOR, Cluster, Running
from support.controlplane import ControlPlane


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the API server."""
    for item in items:
        if "scenario/boots" in str(item.path):
            item.add_marker(pytest.mark.kube)


@pytest.fixture(scope="session")
def boots_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and kube-apiserver, started once."""
    with ControlPlane(tmp_path_factory.mktemp("boots-plane")) as plane:
        yield plane


@pytest.fixture(scope="session")
async def cluster(boots_plane: ControlPlane) -> AsyncIterator[Cluster]:
    """The control plane with the custom resources established, seen by an administrator."""
    operator_access = boots_plane.access(OPERATOR, ())
    async with Client(boots_plane.access()) as client, Client(operator_access) as operator:
        found = Cluster(client, operator)
        await found.install()
        yield found


@pytest.fixture
async def namespace(cluster: Cluster) -> str:
    """A new namespace for apps."""
    return await cluster.new_namespace()


@pytest.fixture
async def running(cluster: Cluster, namespace: str) -> AsyncIterator[Running]:
    """An operator that watches the test's namespace, without a webhook."""
    async with Running.start(cluster, namespace) as operator:
        yield operator


@pytest.fixture
async def admitting(cluster: Cluster, namespace: str, tmp_path: Path) -> AsyncIterator[Running]:
    """An operator whose webhooks the API server calls."""
    async with admission(cluster, namespace, tmp_path) as operator:
        yield operator
