"""`havok up` on a cluster that somebody damaged: it is whole again, and what was deployed is still there."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable

import pytest

from havok.localcluster import cgroups, network, process
from scenario.cluster.apps import Echo, claim, pod
from support.cluster import LocalCluster, eventually

KEEP = "open('/data/word', 'a').write('kept '); import signal; signal.pause()"


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def reachable(cluster: LocalCluster) -> bool:
    """Whether people reach the API server, it the kubelet, and the host a Service."""
    logs = ("logs", "deployment/echo", "--tail=1", "--request-timeout=3s")
    service = cluster.get("service", "echo")["spec"]["clusterIP"]
    socket.create_connection((service, 80), timeout=2).close()
    return cluster.kubectl(*logs, check=False).code == 0


def delete_bridge(cluster: LocalCluster) -> None:
    run("ip", "link", "delete", cluster.layout.addresses.bridge_name)


def delete_cable(cluster: LocalCluster) -> None:
    run("ip", "link", "delete", cluster.node.host_link)


def flush_chains(cluster: LocalCluster) -> None:
    for table, _, chain in network.hooks(cluster.layout.index):
        run("iptables", "-w", "10", "-t", table, "-F", chain)


def delete_chains(cluster: LocalCluster) -> None:
    for table, hook, chain in network.hooks(cluster.layout.index):
        run("iptables", "-w", "10", "-t", table, "-D", hook, "-j", chain)
        run("iptables", "-w", "10", "-t", table, "-F", chain)
        run("iptables", "-w", "10", "-t", table, "-X", chain)


def delete_routes(cluster: LocalCluster) -> None:
    run("ip", "route", "delete", cluster.node.pods)
    run("ip", "route", "delete", cluster.layout.addresses.service_network)


def delete_configuration(cluster: LocalCluster) -> None:
    shutil.rmtree(cluster.node.config)
    shutil.rmtree(cluster.layout.config)
    (cluster.layout.pki / "admin.key").unlink()
    (cluster.layout.pki / "node-1.crt").write_text("junk")


DAMAGES = (delete_bridge, delete_cable, flush_chains, delete_chains, delete_routes, delete_configuration)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_healed(cluster: LocalCluster, echo: Echo, damage: Callable[[LocalCluster], None]) -> None:
    damage(cluster)
    cluster.up()
    eventually(lambda: reachable(cluster), "people and the API server reach what they must")
    echo.answers_eventually(90)
    assert network.leftovers(cluster.layout)


def test_what_somebody_deleted_of_the_system_is_put_back(cluster: LocalCluster, echo: Echo) -> None:
    cluster.kubectl("delete", "deployment/coredns", "service/kube-dns", "-n", "kube-system", "--now")
    cluster.kubectl("delete", "storageclass/local", "clusterrole/havok:storage")
    cluster.up()
    echo.answers_eventually()
    assert cluster.get("storageclass", "local")["provisioner"]


def test_a_reboot_keeps_what_was_deployed(cluster: LocalCluster, echo: Echo, image: str) -> None:
    cluster.apply(claim("kept"), pod("keeper", image, code=KEEP, claim="kept"))
    cluster.ready("pod", "keeper", condition="Ready")
    word = cluster.layout.volumes / cluster.get("pvc", "kept")["metadata"]["uid"] / "word"
    eventually(word.exists, "the pod has written")
    services = cluster.get("service", "echo")["spec"]["clusterIP"]
    end_like_a_reboot(cluster)
    cluster.up()
    assert cluster.get("service", "echo")["spec"]["clusterIP"] == services
    echo.answers_eventually(90)
    eventually(lambda: word.read_text() == "kept kept ", "the pod has its volume again", 90)
    eventually(cluster.whole, "all parts run")
    cluster.kubectl("delete", "pod/keeper", "pvc/kept", "--now")


def end_like_a_reboot(cluster: LocalCluster) -> None:
    """Everything that a kernel forgets is gone, at once and without a word to anybody."""
    layout = cluster.layout
    os.kill(cluster.pid("supervisor"), signal.SIGKILL)

    def killed() -> bool:
        left = list(process.marked(cluster.name))
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    eventually(killed, "every process is gone")
    shutil.rmtree(layout.run)
    network.remove(layout, last=False)
    cgroups.remove(layout.cgroup)
