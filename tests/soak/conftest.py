"""An API server of its own for the soak."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from havok.kube import Client, Limits
from scenario.boots.stage import OPERATOR, Cluster
from soak.desk import Desk, served
from support.controlplane import ControlPlane, free_ports

UNHINDERED = Limits(qps=100_000, burst=100_000)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """The API server with our kinds, and webhooks that know the config of each case."""
    with ControlPlane(tmp_path) as plane:
        operator = plane.access(OPERATOR, ())
        async with (
            Client(plane.access(), limits=UNHINDERED) as client,
            Client(operator, limits=UNHINDERED) as own,
        ):
            cluster = Cluster(client, own)
            await cluster.install()
            async with served(cluster, free_ports(1)[0], tmp_path / "certificates") as found:
                yield found
