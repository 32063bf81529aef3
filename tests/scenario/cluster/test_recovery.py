"""kill -9 of any part: it comes back by itself or by `havok up`, and apps answer afterwards."""

import os
import signal

import pytest

from havok.localcluster import process
from scenario.cluster.apps import Echo
from support.cluster import LocalCluster, eventually

BY_ITSELF = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "registry", "storage",
             "operator", "containerd", "kubelet", "kube-proxy")  # fmt: skip


def deploys(cluster: LocalCluster, echo: Echo) -> None:
    """The whole way works: API server, controllers, scheduler, kubelet, registry."""
    cluster.kubectl("delete", "pod", "--selector=app=echo", "--now", "--wait=true")
    echo.deploy()
    echo.answers_eventually()


@pytest.mark.parametrize("part", BY_ITSELF)
def test_a_killed_part_comes_back_by_itself(cluster: LocalCluster, echo: Echo, part: str) -> None:
    before = cluster.pid(part)
    os.kill(before, signal.SIGKILL)
    eventually(lambda: cluster.pid(part) != before, f"another {part} runs")
    eventually(cluster.whole, "all parts run")
    echo.answers_eventually()


def test_after_all_that_a_new_pod_starts(cluster: LocalCluster, echo: Echo) -> None:
    deploys(cluster, echo)


def test_a_killed_supervisor_leaves_everything_running_and_is_replaced(
    cluster: LocalCluster, echo: Echo
) -> None:
    parts = ("etcd", "kube-apiserver", "operator", "kubelet")
    before = {part: cluster.pid(part) for part in parts}
    os.kill(cluster.pid("supervisor"), signal.SIGKILL)
    done = cluster.havok("status", "--name", cluster.name, check=False)
    assert done.code == 7
    assert f"`havok up --name {cluster.name}` heals" in done.err
    states = cluster.status()
    assert (states["supervisor"], states["etcd"], states["node-1"]) == ("stopped", "running", "running")
    assert echo.answers()
    cluster.up()
    assert {part: cluster.pid(part) for part in parts} == before
    eventually(cluster.whole, "all parts run")


def test_a_part_that_ends_while_nobody_supervises_is_started_by_up(cluster: LocalCluster, echo: Echo) -> None:
    os.kill(cluster.pid("supervisor"), signal.SIGKILL)
    scheduler = cluster.pid("kube-scheduler")
    os.kill(scheduler, signal.SIGKILL)
    eventually(lambda: cluster.status()["kube-scheduler"] == "stopped", "status tells that it is stopped")
    cluster.up()
    assert cluster.pid("kube-scheduler") != scheduler
    eventually(cluster.whole, "all parts run")


def test_a_killed_node_comes_back_with_its_pods(cluster: LocalCluster, echo: Echo) -> None:
    before = cluster.node_init
    kubelet = process.identity(cluster.pid("kubelet"))
    os.kill(before, signal.SIGKILL)
    eventually(lambda: process.children(cluster.pid("node-1")) not in ([before], []), "another node runs")
    assert kubelet is not None
    assert not kubelet.alive
    eventually(cluster.whole, "all parts run")
    echo.answers_eventually(90)
