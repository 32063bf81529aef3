"""Several real nodes: apps reach each other across them; nodes come, stop, start, are drained and go."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scenario.cluster.apps import LABELS, claim, deployment, pod, service
from scenario.cluster.leftovers import traces
from support.cluster import LocalCluster, eventually

FETCH = """\
import sys, urllib.request
for url in sys.argv[1:]:
    print(urllib.request.urlopen(url, timeout=5).read().decode())
"""
KEEP = """\
import pathlib, signal, sys
file = pathlib.Path("/data/first-node")
file.exists() or file.write_text(sys.argv[1])
signal.pause()
"""
READ = "print(open('/data/first-node').read())"


@pytest.fixture(scope="module")
def nodes(cluster: LocalCluster, sample_archive: Path) -> Iterator[LocalCluster]:
    """A cluster of two nodes beside that of the other scenarios, the sample on each of them."""
    several = LocalCluster("havok-test-n")
    several.purge()
    try:
        several.up("--nodes", "2")
        image = several.havok("image", "push", str(sample_archive), "--name", several.name).out.strip()
        several.apply(on_each_node(image), service())
        yield several
    finally:
        several.purge()


def on_each_node(image: str) -> dict[str, Any]:
    made = deployment(image)
    spec = {key: made["spec"][key] for key in ("selector", "template")}
    return {**made, "kind": "DaemonSet", "spec": spec}


def node(cluster: LocalCluster, *words: str, check: bool = True) -> str:
    done = cluster.havok("node", *words, "--name", cluster.name, check=check)
    return done.out + done.err


def states(cluster: LocalCluster) -> dict[str, str]:
    return {row["name"]: row["state"] for row in json.loads(node(cluster, "list", "-o", "json"))}


def pods(cluster: LocalCluster, count: int) -> dict[str, dict[str, Any]]:
    """Node to the sample's Ready pod there, once there are `count` of them."""

    def found() -> dict[str, dict[str, Any]] | None:
        items = cluster.get("pods", "-l", "app=" + LABELS["app"])["items"]
        ready = {
            item["spec"]["nodeName"]: item for item in items
            if "Ready" in [c["type"] for c in item["status"].get("conditions", []) if c["status"] == "True"]
        }  # fmt: skip
        return ready if len(ready) == count else None

    return eventually(found, f"{count} nodes have a Ready pod")


def fetch(cluster: LocalCluster, pod: dict[str, Any], *hosts: str) -> int:
    """How many of the hosts answer that pod."""
    urls = [f"http://{host}/health" for host in hosts]
    return cluster.execute(f"pod/{pod['metadata']['name']}", FETCH, *urls).count("UP")


def all_reach_all(cluster: LocalCluster, count: int) -> None:
    """Pod to pod over every pair of nodes, and the Service by its name from each."""
    each = pods(cluster, count)
    for here in each.values():
        assert fetch(cluster, here, *(f"{there['status']['podIP']}:8080" for there in each.values())) == count
        eventually(partial(fetch, cluster, here, "echo"), "DNS and Service")


def test_pods_services_and_dns_work_across_nodes(nodes: LocalCluster) -> None:
    all_reach_all(nodes, 2)


def test_logs_come_from_every_node(nodes: LocalCluster) -> None:
    for name, each in pods(nodes, 2).items():
        assert nodes.kubectl("logs", each["metadata"]["name"]).out, name


def test_the_host_reaches_services(nodes: LocalCluster) -> None:
    address = nodes.get("service", "echo")["spec"]["clusterIP"]
    assert nodes.kubectl("get", "--raw", "/api/v1/namespaces/default/services/echo:80/proxy/health").out
    eventually(partial(fetch, nodes, pods(nodes, 2)["node-2"], address), "the Service's address")


def test_a_node_stops_without_taking_the_cluster_along(nodes: LocalCluster) -> None:
    api = nodes.pid("kube-apiserver")
    other = nodes.layout.node(2)
    node(nodes, "stop", "node-1")  # whoever serves DNS from there moves
    assert states(nodes) == {"node-1": "off", "node-2": "running"}
    assert nodes.status()["node-1"] == "off"
    nodes.kubectl("wait", "--for=condition=Ready=Unknown", "node/node-1", "--timeout=5s")
    here = pods(nodes, 1)["node-2"]
    eventually(partial(fetch, nodes, here, "echo"), "DNS and Service without node-1", 20)
    assert nodes.pid("kube-apiserver") == api
    assert nodes.havok("status", "--name", nodes.name).code == 0
    refused = node(nodes, "stop", other.name, check=False)
    assert "cluster.node.last" in refused


def test_a_stopped_node_stays_so_until_it_is_started(nodes: LocalCluster) -> None:
    nodes.up()
    assert states(nodes)["node-1"] == "off"
    before = nodes.get("pods", "-l", "app=echo", "--field-selector=spec.nodeName=node-1")["items"]
    node(nodes, "start", "1")
    assert states(nodes) == {"node-1": "running", "node-2": "running"}
    all_reach_all(nodes, 2)
    assert pods(nodes, 2)["node-1"]["metadata"]["uid"] == before[0]["metadata"]["uid"]


def test_a_third_node_joins(nodes: LocalCluster) -> None:
    untouched = nodes.node_init
    node(nodes, "add")
    all_reach_all(nodes, 3)
    assert nodes.node_init == untouched


def test_removing_a_node_moves_its_apps_with_their_data(nodes: LocalCluster) -> None:
    image = pods(nodes, 3)["node-3"]["spec"]["containers"][0]["image"]
    nodes.apply(claim("kept"), keeper(image))
    nodes.kubectl("rollout", "status", "deployment/keeper", "--timeout=60s", timeout=70)
    assert nodes.execute("deployment/keeper", READ).strip() == "node-3"
    gone = nodes.layout.node(3)
    node(nodes, "remove", "node-3")
    assert set(states(nodes)) == {"node-1", "node-2"}
    assert not gone.root.exists()
    assert not (Path("/sys/class/net") / gone.host_link).exists()
    nodes.kubectl("rollout", "status", "deployment/keeper", "--timeout=60s", timeout=70)
    assert eventually(lambda: nodes.execute("deployment/keeper", READ).strip(), "the data") == "node-3"


def keeper(image: str) -> dict[str, Any]:
    """An app with a volume that would rather be on node-3, and writes down where it was first."""
    spec = pod("keeper", image, code=KEEP, arguments=["$(NODE)"], claim="kept")["spec"]
    field = {"fieldRef": {"fieldPath": "spec.nodeName"}}
    spec["containers"][0]["env"] = [{"name": "NODE", "valueFrom": field}]
    rather = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-3"]}]}
    terms = [{"weight": 100, "preference": rather}]
    spec["affinity"] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}}
    made = deployment(image)
    labels = {"app": "keeper"}
    return {
        **made, "metadata": {"name": "keeper"},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }  # fmt: skip


def test_every_node_is_measured(nodes: LocalCluster) -> None:
    def measured() -> bool:
        done = nodes.kubectl("top", "nodes", "--no-headers", check=False)
        return {line.split()[0] for line in done.out.splitlines() if "unknown" not in line} >= {
            "node-1",
            "node-2",
        }

    eventually(measured, "metrics of both nodes")


def test_wrong_use_says_what_to_do(nodes: LocalCluster) -> None:
    assert "it has node-1, node-2" in node(nodes, "drain", "node-9", check=False)
    done = nodes.up("--nodes", "0", check=False)
    assert done.code == 2 and "cluster.nodes.count" in done.err


def test_fewer_nodes_are_asked_for_by_their_count(nodes: LocalCluster) -> None:
    nodes.up("--nodes", "1")
    assert states(nodes) == {"node-1": "running"}


def test_down_leaves_nothing_of_any_node(nodes: LocalCluster) -> None:
    layout = nodes.layout
    nodes.purge()
    assert traces(layout) == []
    assert not layout.root.exists()
