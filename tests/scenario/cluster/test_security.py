"""Nothing of a local cluster is open to the network, to other users of the machine, or to pods."""

import base64
import contextlib
import http.client
import ssl
import stat
import subprocess
from pathlib import Path

import pytest

from havok.localcluster import process
from scenario.cluster.apps import Echo
from scenario.cluster.sockets import decode, listeners, namespace
from support.cluster import LocalCluster


def test_addresses_of_the_kernels_tables_are_read_rightly() -> None:
    assert str(decode("0100007F")) == "127.0.0.1"
    assert str(decode("00000000")) == "0.0.0.0"  # noqa: S104
    assert str(decode("00000000000000000000000001000000")) == "::1"
    assert str(decode("0000000000000000FFFF00000100007F")) == "127.0.0.1"


def test_everything_listens_on_loopback_or_the_clusters_own_bridge(cluster: LocalCluster) -> None:
    own = {cluster.layout.addresses.bridge, cluster.node.address}
    found = listeners(cluster.name)
    open_ = [each for each in found if not each.address.is_loopback and str(each.address) not in own]
    assert open_ == []
    ports = {each.port for each in found}
    assert {2379, 2380, 6443, 10257, 10259, 5000, 9443, 10250, 10248, 10249, 10256} <= ports
    inside = namespace(cluster.node_init)
    assert [each for each in inside if not each[0].is_loopback and str(each[0]) not in own] == []


def test_etcd_and_the_control_planes_own_ports_stay_on_loopback(cluster: LocalCluster) -> None:
    loopback = cluster.layout.addresses.loopback
    for port in (2379, 2380, 10257, 10259, 9443, 9444, 9445):
        assert {str(each.address) for each in listeners(cluster.name) if each.port == port} == {loopback}


def ask(host: str, port: int, path: str) -> int:
    """The status that somebody without any credentials gets over TLS."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, port, timeout=5, context=context)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status


@pytest.mark.parametrize("path", ["/version", "/health", "/metrics"])
def test_etcd_refuses_clients_without_a_certificate(cluster: LocalCluster, path: str) -> None:
    with pytest.raises(ssl.SSLError, match="certificate required"):
        ask(cluster.layout.addresses.loopback, 2379, path)


@pytest.mark.parametrize("authority", ["ca", "front-proxy-ca"])
def test_etcd_refuses_certificates_of_other_authorities(cluster: LocalCluster, authority: str) -> None:
    leaf = {"ca": "admin", "front-proxy-ca": "front-proxy"}[authority]
    context = ssl.create_default_context(cafile=str(cluster.layout.pki / "etcd-ca.crt"))
    context.load_cert_chain(cluster.layout.pki / f"{leaf}.crt", cluster.layout.pki / f"{leaf}.key")
    connection = http.client.HTTPSConnection(
        cluster.layout.addresses.loopback, 2379, timeout=5, context=context
    )
    with contextlib.closing(connection), pytest.raises(ssl.SSLError):
        connection.request("GET", "/version")
        connection.getresponse()


@pytest.mark.parametrize("path", ["/pods", "/metrics", "/logs/", "/exec/default/x/y", "/configz"])
def test_the_kubelet_refuses_strangers(cluster: LocalCluster, path: str) -> None:
    assert ask(cluster.node.address, 10250, path) == 401


@pytest.mark.parametrize("path", ["/api", "/version", "/metrics", "/openid/v1/jwks", "/readyz"])
def test_the_api_server_refuses_strangers(cluster: LocalCluster, path: str) -> None:
    assert ask("127.0.0.1", cluster.layout.api_port, path) == 401


@pytest.mark.parametrize("port", [10257, 10259])
def test_controllers_refuse_strangers(cluster: LocalCluster, port: int) -> None:
    assert ask(cluster.layout.addresses.loopback, port, "/metrics") in (401, 403)


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/v2/"), ("GET", "/v2/_catalog"), ("POST", "/v2/evil/blobs/uploads/"),
    ("GET", "/v2/harbor/pythonboot-sample/manifests/1.0"),
])  # fmt: skip
@pytest.mark.parametrize("login", ["", "havok:", "havok:guess"])
def test_the_registry_refuses_strangers(
    cluster: LocalCluster, image: str, method: str, path: str, login: str
) -> None:
    host, port = cluster.layout.addresses.registry.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    headers = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()} if login else {}
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        assert connection.getresponse().status == 401


def test_keys_and_logins_are_readable_by_root_alone(cluster: LocalCluster) -> None:
    known = cluster.known
    secrets = [b"PRIVATE KEY", b"client-key-data", known.password.encode(), b"$2b$"]
    private = [cluster.layout.pki, cluster.layout.config, cluster.node.config]
    files = [file for folder in private for file in folder.rglob("*") if file.is_file()]
    files.append(cluster.layout.root / "cluster.json")
    holding = [file for file in files if any(secret in file.read_bytes() for secret in secrets)]
    assert len(holding) > 20
    assert [file for file in holding if stat.S_IMODE(file.stat().st_mode) != 0o600] == []


def test_folders_are_closed_to_others(cluster: LocalCluster) -> None:
    closed = (cluster.layout.root, cluster.layout.run, cluster.layout.run.parent, cluster.layout.pki)
    assert {str(folder): stat.S_IMODE(folder.stat().st_mode) for folder in closed} == {
        str(folder): 0o700 for folder in closed
    }


def test_no_secret_is_in_a_command_line_an_environment_or_a_log(cluster: LocalCluster, echo: Echo) -> None:
    password = cluster.known.password.encode()
    encoded = base64.b64encode(b"havok:" + password)
    for pid in process.marked(cluster.name):
        with contextlib.suppress(OSError):
            for name in ("cmdline", "environ"):
                assert password not in Path(f"/proc/{pid}/{name}").read_bytes(), pid
    for log in [*cluster.layout.logs.glob("*"), *(cluster.node.root / "logs").glob("*")]:
        text = log.read_bytes()
        assert not any(secret in text for secret in (password, encoded, b"PRIVATE KEY")), log


def test_a_node_may_not_read_secrets_of_pods_it_does_not_run(cluster: LocalCluster) -> None:
    kubeconfig = str(cluster.node.config / "kubelet.kubeconfig")
    done = cluster.kubectl("--kubeconfig", kubeconfig, "get", "secrets", "-A", check=False)
    assert "forbidden" in done.err.lower()


def test_the_provisioner_may_do_its_work_and_no_more(cluster: LocalCluster) -> None:
    user = ("--as", "havok:storage")
    for verb, resource, allowed in (
        ("create", "persistentvolumes", "yes"), ("list", "persistentvolumeclaims", "yes"),
        ("get", "secrets", "no"), ("create", "pods", "no"), ("delete", "persistentvolumeclaims", "no"),
    ):  # fmt: skip
        done = cluster.kubectl("auth", "can-i", verb, resource, "-A", *user, check=False)
        assert done.out.strip() == allowed, f"{verb} {resource}"


def test_a_pod_reaches_no_registry_without_the_login(cluster: LocalCluster, echo: Echo) -> None:
    code = (
        "import sys, http.client as h; c = h.HTTPConnection(sys.argv[1]); c.request('GET', '/v2/_catalog'); "
    )
    status = cluster.execute(
        "deployment/echo", code + "print(c.getresponse().status)", cluster.layout.addresses.registry
    )
    assert status.strip() == "401"


def test_neighbours_on_the_network_are_not_let_in(cluster: LocalCluster) -> None:
    """A packet for our networks that comes by another interface than our bridge is dropped."""
    rules = subprocess.run(
        ["iptables", "-w", "10", "-S"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    index = cluster.layout.index
    at = cluster.layout.addresses
    assert f"-A HAVOK-{index}-IN -d {at.node_network} -j DROP" in rules
    assert f"-A HAVOK-{index}-FWD -o {at.bridge_name} -j DROP" in rules
