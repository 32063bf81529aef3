"""One operator for `test` and `dev` on a real node: which namespaces are whose, ports on every node in dev,
and the late binding of the central config under twenty running apps. Everything is asked by kubectl alone.
"""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from scenario.cluster import central
from scenario.cluster.central import with_blocks
from support.cluster import PYTHON, LocalCluster, eventually

DEV, TEST = "shop-dev", "shop"
NAMES = tuple(f"app-{number:02}" for number in range(20))
RUNNING = NAMES[:2]
"""Those that have a pod; the rest have replicas 0: a template changes or does not either way."""


def block(image: str, *, node_port: bool = False, changed: str = "") -> dict[str, Any]:
    """A profile whose pods are ready moments after they run. `changed` shows in the pod's template alone."""
    probe = {"initialDelaySeconds": 0, "periodSeconds": 1}
    container: dict[str, Any] = {"readinessProbe": probe, "livenessProbe": probe}
    if changed:
        container["lifecycle"] = {"preStop": {"exec": {"command": [PYTHON, "-S", "-c", f"# {changed}"]}}}
    app: dict[str, Any] = {
        "podSpec": {"terminationGracePeriodSeconds": 0}, "container": container,
        "env": [{"name": "PLACE", "value": "${ENV}"}],
    }  # fmt: skip
    if node_port:
        app["nodePort"] = True
    return {"settings": {"registry": image.split("/", 1)[0]}, "app": app}


def boot(name: str, namespace: str, profile: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "app.logancloud.com/v1", "kind": "PythonBoot",
        "metadata": {"name": name, "namespace": namespace, "annotations": {"logan/profile": profile}},
        "spec": {"image": "harbor/pythonboot-sample", "version": "1.0", **spec},
    }  # fmt: skip


@pytest.fixture(scope="module")
def namespaces(cluster: LocalCluster) -> Iterator[LocalCluster]:
    cluster.apply(*(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (DEV, TEST)
    ))  # fmt: skip
    yield cluster
    cluster.kubectl("delete", "namespace", DEV, TEST, "--wait=false")


def test_each_environment_has_its_namespaces_and_dev_its_ports(namespaces: LocalCluster, image: str) -> None:
    cluster = namespaces
    with with_blocks(cluster, {"ported": block(image, node_port=True)}):
        cluster.apply(*(boot("here", where, "ported") for where in (DEV, TEST)))
        for where in (DEV, TEST):
            ready(cluster, "here", where)
        labels = {
            where: cluster.get("service", "here", "-n", where)["metadata"]["labels"] for where in (DEV, TEST)
        }
        assert {where: one["logan/env"] for where, one in labels.items()} == {DEV: "dev", TEST: "test"}
        assert env_of(cluster, DEV) == {"PLACE": "dev"}
        assert env_of(cluster, TEST) == {"PLACE": "test"}
        assert cluster.get("pythonboot", "here", "-n", DEV)["status"]["services"] == "here,here-external"
        assert cluster.get("pythonboot", "here", "-n", TEST)["status"]["services"] == "here"
        assert cluster.kubectl("get", "service", "here-external", "-n", TEST, check=False).code == 1

        number = eventually(lambda: steady_port(cluster), "the Service's port is the node's port")
        # kube-proxy opens the port a moment after the Service has it
        told = eventually(lambda: health_at(cluster, number), "the app answers on the node's port")
        assert told["status"] == "UP"

        off = json.dumps({"spec": {"nodePort": "false"}})
        cluster.kubectl("patch", "pythonboot", "here", "-n", DEV, "--type=merge", "-p", off)
        eventually(
            lambda: cluster.kubectl("get", "service", "here-external", "-n", DEV, check=False).code == 1,
            "the Boot's own word goes before the platform's",
        )


def test_one_process_tells_of_all_environments_on_loopback(namespaces: LocalCluster, image: str) -> None:
    def ask(path: str) -> str:
        connection = http.client.HTTPConnection(namespaces.layout.addresses.loopback, 8383, timeout=5)
        connection.request("GET", path)
        body = connection.getresponse().read().decode()
        connection.close()
        return body

    assert ask("/readyz") == "ok\n"
    numbers = ask("/metrics")
    assert "havok_operator_leading 3.0" in numbers
    assert 'logan_controller_runtime_reconcile_time_seconds_count{kind="PythonBoot"}' in numbers
    for where in (DEV, TEST):
        assert f'pythonboot_info{{namespace="{where}",pythonboot="here"}} 1.0' in numbers


def env_of(cluster: LocalCluster, namespace: str) -> dict[str, str]:
    found = cluster.get("deployment", "here", "-n", namespace)["spec"]["template"]["spec"]["containers"][0]
    return {one["name"]: one["value"] for one in found["env"]}


def health_at(cluster: LocalCluster, port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection(cluster.node.address, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return dict(json.load(connection.getresponse()))
    finally:
        connection.close()


def steady_port(cluster: LocalCluster) -> int:
    (port,) = cluster.get("service", "here-external", "-n", DEV)["spec"]["ports"]
    assert port["targetPort"] == 8080
    return int(port["port"]) if port["port"] == port["nodePort"] else 0


@pytest.fixture(scope="module")
def many(namespaces: LocalCluster, image: str) -> Iterator[LocalCluster]:
    """Twenty apps that run, made by one config."""
    with with_blocks(namespaces, {"many": block(image)}):
        namespaces.apply(*(boot(name, TEST, "many", replicas=int(name in RUNNING)) for name in NAMES))
        ready(namespaces, "--all", TEST)
        yield namespaces
        namespaces.kubectl("delete", "pythonboots", "--all", "-n", TEST)


def test_a_config_rolls_nothing_until_an_apps_next_deploy_and_goes_back_with_its_revision(
    many: LocalCluster, image: str
) -> None:
    first, pods = eventually(lambda: templates(many), "twenty workloads"), pod_ids(many)
    old, new = json.dumps(block(image)), json.dumps(block(image, changed="x"))
    central.write(many, central.read(many).replace(old, new))
    eventually(lambda: waiting(many) == set(NAMES), "each Boot says that newer config waits")
    assert (templates(many), pod_ids(many)) == (first, pods)

    one, others = NAMES[0], NAMES[1:]
    env = [{"name": "PLACE", "value": "test"}, {"name": "MINE", "value": "1"}]
    deploy = json.dumps({"spec": {"env": env}})
    many.kubectl("patch", "pythonboot", one, "-n", TEST, "--type=merge", "-p", deploy)
    eventually(lambda: "preStop" in json.dumps(templates(many)[one]), "the deploy takes the config")
    ready(many, one, TEST)
    eventually(lambda: waiting(many) == set(others), "newer config waits for all but one")
    assert {name: templates(many)[name] for name in others} == {name: first[name] for name in others}
    assert pod_ids(many)[others[0]] == pods[others[0]]

    many.kubectl("annotate", "pythonboot", one, "-n", TEST, "app.logancloud.com/rollback-to=1")
    eventually(lambda: templates(many)[one][1] == first[one][1], "the very template of the first revision")


def ready(cluster: LocalCluster, which: str, namespace: str) -> None:
    wait = ("wait", "--for=condition=Ready", "pythonboot", which, "-n", namespace, "--timeout=90s")
    cluster.kubectl(*wait, timeout=100)


def templates(cluster: LocalCluster) -> dict[str, tuple[int, Any]]:
    """Generation and template of each of the twenty workloads; nothing, until all are there."""
    found = {one["metadata"]["name"]: one for one in cluster.get("deployments", "-n", TEST)["items"]}
    if not set(NAMES) <= set(found):
        return {}
    return {name: (found[name]["metadata"]["generation"], found[name]["spec"]["template"]) for name in NAMES}


def pod_ids(cluster: LocalCluster) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pod in cluster.get("pods", "-n", TEST, "-l", "bootName!=here")["items"]:
        found.setdefault(pod["metadata"]["labels"]["bootName"], set()).add(pod["metadata"]["uid"])
    return found


def waiting(cluster: LocalCluster) -> set[str]:
    """Those of the twenty that say that newer config waits for their next deploy."""
    told = {
        boot["metadata"]["name"]
        for boot in cluster.get("pythonboots", "-n", TEST)["items"]
        for condition in boot["status"]["conditions"]
        if (condition["type"], condition["status"]) == ("ConfigCurrent", "False")
    }
    return told & set(NAMES)
