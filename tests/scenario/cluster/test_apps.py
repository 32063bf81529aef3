"""What an app can rely on: a ready node, images from the registry, names, Services, the API server."""

import http.client
import json

import pytest

from havok.localcluster.binaries import KUBERNETES
from havok.localcluster.layout import REGISTRY_HOST
from scenario.cluster.apps import FETCH, Echo
from support.cluster import LocalCluster, eventually, run

API_FROM_INSIDE = """\
import ssl, urllib.request
account = "/var/run/secrets/kubernetes.io/serviceaccount/"
login = {"Authorization": "Bearer " + open(account + "token").read()}
request = urllib.request.Request("https://kubernetes.default.svc/api", headers=login)
context = ssl.create_default_context(cafile=account + "ca.crt")
print(urllib.request.urlopen(request, timeout=5, context=context).read().decode())
"""
RESOLVE = "import socket, sys; print(socket.gethostbyname(sys.argv[1]))"


def test_the_node_is_ready_and_runs_the_pinned_version(cluster: LocalCluster) -> None:
    (node,) = cluster.get("nodes")["items"]
    conditions = {entry["type"]: entry["status"] for entry in node["status"]["conditions"]}
    assert conditions["Ready"] == "True"
    assert node["status"]["nodeInfo"]["kubeletVersion"] == f"v{KUBERNETES.removeprefix('v')}"
    assert {"type": "InternalIP", "address": cluster.node.address} in node["status"]["addresses"]


def test_an_image_is_pulled_from_the_clusters_registry(echo: Echo) -> None:
    assert echo.image == f"{REGISTRY_HOST}/harbor/pythonboot-sample:1.0"
    (status,) = echo.pods()[0]["status"]["containerStatuses"]
    assert status["imageID"].startswith(f"{REGISTRY_HOST}/harbor/pythonboot-sample@sha256:")


def test_an_image_that_does_not_exist_is_said_to_be_missing(cluster: LocalCluster, echo: Echo) -> None:
    missing = f"{REGISTRY_HOST}/no-such-app:1.0"
    cluster.kubectl("run", "missing", f"--image={missing}")

    def reason() -> str | None:
        statuses = cluster.get("pod", "missing")["status"].get("containerStatuses", [{}])
        message: str = statuses[0].get("state", {}).get("waiting", {}).get("message", "")
        return message if "not found" in message else None

    assert missing in eventually(reason, "the kubelet says that the image is not found")
    cluster.kubectl("delete", "pod", "missing", "--now")


def test_a_pod_reaches_a_service_by_its_name(echo: Echo) -> None:
    assert echo.answers()


@pytest.mark.parametrize("name", ["echo", "echo.default", "echo.default.svc.cluster.local"])
def test_names_of_services_resolve_to_their_cluster_address(
    cluster: LocalCluster, echo: Echo, name: str
) -> None:
    address = cluster.get("service", "echo")["spec"]["clusterIP"]
    assert cluster.execute("deployment/echo", RESOLVE, name).strip() == address


def test_a_pod_reaches_itself_through_its_service(cluster: LocalCluster, echo: Echo) -> None:
    cluster.kubectl("scale", "deployment/echo", "--replicas=1")
    eventually(lambda: len(echo.pods()) == 1, "one pod is left")
    assert echo.answers()
    cluster.kubectl("scale", "deployment/echo", "--replicas=2")
    echo.deploy()


def test_a_pod_reaches_the_api_server_with_its_account(cluster: LocalCluster, echo: Echo) -> None:
    answer = json.loads(cluster.execute("deployment/echo", API_FROM_INSIDE))
    assert answer["kind"] == "APIVersions"


def test_the_host_reaches_pods_services_and_node_ports(cluster: LocalCluster, echo: Echo) -> None:
    service = cluster.get("service", "echo")["spec"]
    pod = echo.pods()[0]["status"]["podIP"]
    node_port = service["ports"][0]["nodePort"]
    for host, port in ((pod, 8080), (service["clusterIP"], 80), (cluster.node.address, node_port)):
        connection = http.client.HTTPConnection(host, port, timeout=5)
        connection.request("GET", "/health")
        assert json.loads(connection.getresponse().read())["status"] == "UP", f"{host}:{port}"
        connection.close()


def test_a_pod_does_not_reach_the_control_planes_own_ports(cluster: LocalCluster, echo: Echo) -> None:
    loopback = cluster.layout.addresses.loopback
    code = FETCH.replace("print", "raise SystemExit")
    done = cluster.kubectl(
        "exec", "deployment/echo", "--", "/usr/bin/python3.11", "-S", "-c", code, f"https://{loopback}:2379",
        check=False,
    )  # fmt: skip
    assert "Connection refused" in done.err


def test_kubectl_top_knows_what_the_node_uses(cluster: LocalCluster) -> None:
    line = eventually(lambda: cluster.kubectl("top", "nodes", "--no-headers").out, "metrics of the node", 90)
    name, cores, _, memory, _ = line.split()
    assert (name, cores[-1], memory[-2:]) == ("node-1", "m", "Mi")


def test_an_address_beyond_the_machine_leaves_by_the_host(cluster: LocalCluster) -> None:
    rules = run(["iptables", "-w", "10", "-t", "nat", "-S"], {"PATH": "/usr/sbin:/usr/bin"}).out
    assert f"-s {cluster.layout.addresses.pod_network} -j MASQUERADE" in rules
