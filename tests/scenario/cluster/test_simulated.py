"""Simulated nodes: a hundred beside a real one, and a whole cluster of them for a person without root."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from scenario.cluster.person import Person, person
from scenario.cluster.sockets import listeners
from support.cluster import LocalCluster, eventually

COUNT = 100
SIMULATED = "havok.dev/simulated=true"
BOOT = """\
apiVersion: app.logancloud.com/v1
kind: PythonBoot
metadata: {name: hello}
spec: {image: hello, version: "1.0", replicas: 2}
"""


def crowd(replicas: int) -> dict[str, Any]:
    """An app that asks for simulated nodes, puts up with their taint and spreads over all of them."""
    labels = {"app": "crowd"}
    spread = {
        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": labels},
    }  # fmt: skip
    spec = {
        "nodeSelector": {"havok.dev/simulated": "true"},
        "tolerations": [{"key": "havok.dev/simulated", "operator": "Exists"}],
        "topologySpreadConstraints": [spread],
        "containers": [{"name": "main", "image": "crowd"}],
    }
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "crowd"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def crowded(cluster: LocalCluster) -> Iterator[LocalCluster]:
    """The cluster with simulated nodes beside its real one, and without them afterwards."""
    before = {part: cluster.pid(part) for part in ("etcd", "kube-apiserver", "kubelet", "operator")}
    cluster.up("--kwok-nodes", str(COUNT))
    try:
        assert before == {part: cluster.pid(part) for part in before}, "what ran goes on"
        yield cluster
    finally:
        cluster.kubectl("delete", "deployment", "crowd", "--ignore-not-found", "--wait=false")
        if "kwok" in cluster.status():
            cluster.up("--kwok-nodes", "0")


def test_pods_run_on_a_hundred_nodes(crowded: LocalCluster) -> None:
    crowded.apply(crowd(COUNT))
    crowded.kubectl("rollout", "status", "deployment/crowd", "--timeout=60s", timeout=70)
    pods = crowded.get("pods", "-l", "app=crowd")["items"]
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    assert len({pod["spec"]["nodeName"] for pod in pods}) == COUNT
    assert len({pod["status"]["podIP"] for pod in pods}) == len(pods)


def test_status_says_that_they_are_simulated(crowded: LocalCluster) -> None:
    assert crowded.status()["simulated nodes"] == "simulated"
    shown = crowded.havok("status", "--name", crowded.name).out
    assert f"({COUNT}/{COUNT})" in shown
    assert "no container runs" in shown


def test_what_does_not_ask_for_them_stays_away(crowded: LocalCluster) -> None:
    for node in crowded.get("nodes", "-l", SIMULATED)["items"]:
        keys = {taint["key"] for taint in node["spec"]["taints"]}
        assert "havok.dev/simulated" in keys, node["metadata"]["name"]
    for pod in crowded.get("pods", "-n", "kube-system")["items"]:
        assert pod["spec"]["nodeName"].startswith("node-"), pod["metadata"]["name"]


def test_kwok_listens_nowhere(crowded: LocalCluster) -> None:
    assert crowded.pid("kwok")
    assert [each for each in listeners(crowded.layout.mark) if each.owner.endswith("kwok")] == []


@pytest.mark.parametrize(("verb", "what", "where", "may"), [
    ("patch", "pods", "default", "no"),
    ("delete", "pods", "default", "yes"),
    ("create", "leases.coordination.k8s.io", "kube-node-lease", "yes"),
    ("create", "leases.coordination.k8s.io", "default", "no"),
    ("create", "pods", "default", "no"),
    ("get", "secrets", "default", "no"),
    ("delete", "nodes", "default", "no"),
])  # fmt: skip
def test_kwok_may_do_no_more_than_it_must(
    crowded: LocalCluster, verb: str, what: str, where: str, may: str
) -> None:
    assert crowded.kubectl(
        "auth", "can-i", "patch", "pods", "--subresource=status", "--as=havok:kwok"
    ).out.strip() == "yes"  # fmt: skip
    asked = ["auth", "can-i", verb, what, "-n", where, "--as=havok:kwok"]
    assert crowded.kubectl(*asked, check=False).out.strip() == may


def test_another_count_is_another_up(crowded: LocalCluster) -> None:
    kwok = crowded.pid("kwok")
    crowded.up("--kwok-nodes", "10")
    assert len(crowded.get("nodes", "-l", SIMULATED)["items"]) == 10
    assert crowded.pid("kwok") == kwok
    refused = crowded.up("--kwok-nodes", "5001", check=False)
    assert "[cluster.kwok.count]" in refused.err


def test_none_are_left_when_none_are_asked_for(crowded: LocalCluster) -> None:
    crowded.up("--kwok-nodes", "0")
    assert crowded.get("nodes", "-l", SIMULATED)["items"] == []
    assert "kwok" not in crowded.status()


@pytest.fixture(scope="module")
def someone() -> Iterator[Person]:
    """A person without root whose cluster is up."""
    with person() as someone:
        up = someone.havok("up")
        assert "no container is started" in up.err
        yield someone


def test_a_boot_becomes_ready_without_root(someone: Person) -> None:
    file = someone.home / "boot.yaml"
    file.write_text(BOOT)
    deployed = someone.havok("deploy", "-f", str(file))
    assert "2 of 2 pods ready" in deployed.out + deployed.err
    logs = someone.havok("logs", "hello", check=False, timeout=20)
    assert "connection refused" in logs.err


def test_status_without_root_says_simulated(someone: Person) -> None:
    rows = {row["name"]: row for row in json.loads(someone.havok("status", "-o", "json").out)}
    assert rows["simulated nodes"]["state"] == "simulated"
    assert {row["state"] for row in rows.values()} == {"running", "simulated"}
    assert "without root" in someone.havok("doctor").out


def test_only_loopback_is_listened_on_without_root(someone: Person) -> None:
    home = someone.home / ".local/share/havok"
    found = listeners(f"default@{home}")
    assert len(found) >= 6
    assert [each for each in found if not each.address.is_loopback] == []


@pytest.mark.parametrize(("words", "code"), [
    (("up", "--nodes", "2"), "cluster.root.needed"),
    (("node", "add"), "cluster.simulated"),
    (("image", "push", "boot.yaml", "--as", "a:1"), "cluster.simulated"),
])  # fmt: skip
def test_what_needs_real_nodes_says_so(someone: Person, words: tuple[str, ...], code: str) -> None:
    assert f"[{code}]" in someone.havok(*words, check=False).err


def test_down_without_root_leaves_nothing(someone: Person) -> None:
    assert someone.processes() != []
    someone.havok("down")
    eventually(lambda: someone.processes() == [], "every process ends", 5)
    assert not (someone.home / ".local/share/havok/clusters/default/run").exists()
    assert someone.havok("up", "--kwok-nodes", "2").code == 0
    assert "2/2" in someone.havok("get", "pythonboot").out, "its data was kept"
    someone.havok("down", "--purge", "--yes")
    eventually(lambda: someone.processes() == [], "every process ends", 5)
    assert not (someone.home / ".local/share/havok").exists()
