"""Two clusters side by side: both whole, neither sees the other, the end of one leaves the other alone."""

from collections.abc import Iterator

import pytest

from havok.localcluster import process
from scenario.cluster.apps import Echo
from scenario.cluster.leftovers import traces
from support.cluster import LocalCluster


@pytest.fixture(scope="module")
def second(cluster: LocalCluster) -> Iterator[LocalCluster]:
    second = LocalCluster("havok-test-b")
    second.purge()
    try:
        second.up()
        yield second
    finally:
        second.purge()


def test_both_answer(cluster: LocalCluster, second: LocalCluster) -> None:
    for each in (cluster, second):
        assert each.kubectl("get", "--raw", "/readyz").out == "ok"
        assert each.status()["node node-1"] == each.status()["operator"] == "running"


def test_they_share_no_address_and_no_port(cluster: LocalCluster, second: LocalCluster) -> None:
    one, other = cluster.layout, second.layout
    assert one.index != other.index
    assert one.api_port != other.api_port
    assert cluster.known.password != second.known.password


def test_neither_trusts_the_other(cluster: LocalCluster, second: LocalCluster) -> None:
    done = second.kubectl(f"--server={cluster.layout.api_url}", "get", "nodes", check=False)
    assert done.code != 0
    assert "certificate" in done.err


def test_pods_of_one_do_not_reach_the_other(cluster: LocalCluster, second: LocalCluster, echo: Echo) -> None:
    code = "import socket, sys\ntry: socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)\n"
    code += "except OSError as error: print(type(error).__name__)\nelse: print('reached')"
    registry = second.layout.addresses.registry.split(":")
    kubelet = (second.node.address, "10250")
    for host, port in (registry, kubelet):
        assert cluster.execute("deployment/echo", code, host, port).strip() != "reached", host


def test_what_is_deployed_in_one_is_not_in_the_other(
    cluster: LocalCluster, second: LocalCluster, echo: Echo
) -> None:
    assert cluster.get("deployment", "echo")["metadata"]["name"] == "echo"
    assert second.get("deployments", "-n", "default")["items"] == []


def test_the_end_of_one_leaves_the_other_alone(
    cluster: LocalCluster, second: LocalCluster, echo: Echo
) -> None:
    layout, before = second.layout, set(process.marked(cluster.name))
    second.purge()
    assert traces(layout) == []
    assert not layout.root.exists()
    assert before <= set(process.marked(cluster.name))
    assert cluster.whole()
    assert echo.answers()
