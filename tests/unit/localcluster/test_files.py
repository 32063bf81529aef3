"""The files that processes of a cluster read: good for their readers, private where they hold secrets."""

import base64
import json
import stat
import tomllib
from pathlib import Path

import pytest

from havok.clock import utcnow
from havok.codec import decode_yaml
from havok.localcluster import files, pki
from havok.localcluster.layout import REGISTRY_HOST, Layout, NodeLayout

PASSWORD = "correct-horse"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path, "t", 3, 16446)


@pytest.fixture
def node(layout: Layout) -> NodeLayout:
    return layout.node(1)


@pytest.fixture
def written(layout: Layout) -> Layout:
    pki.ensure(layout, [1], utcnow())
    files.write(layout, PASSWORD)
    files.write_node(layout.node(1), PASSWORD)
    return layout


def test_containerd_keeps_to_the_nodes_own_places(node: NodeLayout) -> None:
    config = tomllib.loads(files.containerd_toml(node, PASSWORD))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert config["version"] == 2
    assert config["root"] == str(node.containerd)
    assert config["plugins"]["io.containerd.internal.v1.opt"]["path"].startswith(str(node.containerd))
    assert cri["sandbox_image"] == files.PAUSE_IMAGE
    assert cri["stream_server_address"] == "127.0.0.1"
    assert cri["restrict_oom_score_adj"] is True
    assert cri["cni"]["conf_dir"] == str(node.config / "cni")
    runc = cri["containerd"]["runtimes"]["runc"]
    assert runc == {"runtime_type": "io.containerd.runc.v2", "options": {"SystemdCgroup": False}}


def test_containerd_shows_its_login_to_our_registry_alone(node: NodeLayout) -> None:
    registry = tomllib.loads(files.containerd_toml(node, PASSWORD))["plugins"]["io.containerd.grpc.v1.cri"][
        "registry"
    ]
    assert registry["configs"] == {"10.201.3.1:5000": {"auth": {"username": "havok", "password": PASSWORD}}}
    hosts = tomllib.loads(files.registry_hosts_toml(node.cluster))
    assert hosts == {"server": "http://10.201.3.1:5000", "host": {}}


def test_pods_get_addresses_of_their_node(node: NodeLayout) -> None:
    network = json.loads(files.cni_conflist(node))
    ptp, portmap = network["plugins"]
    assert (network["cniVersion"], ptp["type"], portmap["type"]) == ("1.0.0", "ptp", "portmap")
    assert ptp["ipam"]["ranges"] == [[{"subnet": "10.213.0.0/24"}]]
    assert ptp["ipMasq"] is False


def test_the_kubelet_knows_who_asks(node: NodeLayout) -> None:
    (config,) = decode_yaml(files.kubelet_yaml(node))
    assert config["address"] == "10.201.3.11"
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authorization"] == {"mode": "Webhook"}
    assert config["authentication"]["x509"]["clientCAFile"] == str(node.cluster.pki / "ca.crt")
    assert config["cgroupRoot"] == "/havok/t/node-1"
    assert config["clusterDNS"] == ["10.202.24.10"]
    assert config.get("readOnlyPort", 0) == 0


def test_kube_proxy_answers_node_ports_on_the_nodes_address_alone(node: NodeLayout) -> None:
    (config,) = decode_yaml(files.kube_proxy_yaml(node))
    assert config["nodePortAddresses"] == ["primary"]
    assert config["metricsBindAddress"].startswith("127.0.0.1:")
    assert config["healthzBindAddress"].startswith("127.0.0.1:")


def test_the_registry_asks_for_a_password_on_the_bridge(layout: Layout) -> None:
    (config,) = decode_yaml(files.registry_yaml(layout))
    assert config["http"] == {"addr": "10.201.3.1:5000"}
    assert config["auth"]["htpasswd"]["path"] == str(layout.config / "registry.htpasswd")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], ""),
        (["nameserver 127.0.0.53\noptions edns0\n"], ""),
        (["nameserver 127.0.0.53\n", "nameserver 10.0.0.2\nnameserver 10.0.0.3\n"],
         "nameserver 10.0.0.2\nnameserver 10.0.0.3\n"),
        (["nameserver 127.0.0.1\nnameserver 9.9.9.9\nsearch x\n"], "nameserver 9.9.9.9\n"),
        (["nameserver ::1\nnameserver fd00::1\n"], "nameserver fd00::1\n"),
        (["nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4\n"],
         "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\n"),
        (["nameserver\t10.0.0.2\n  nameserver 10.0.0.3  \n# nameserver 10.0.0.4\n"],
         "nameserver 10.0.0.2\nnameserver 10.0.0.3\n"),
        (["nameserver\n", "nameserver 10.0.0.2"], "nameserver 10.0.0.2\n"),
    ],
)  # fmt: skip
def test_name_servers_that_a_node_can_reach(texts: list[str], expected: str) -> None:
    assert files.resolv_conf(texts) == expected


@pytest.mark.parametrize("reference", [
    "havok.local/pause:1", "havok.local/coredns:1.14.1", "havok.local/metrics-server:v0.9.0",
])  # fmt: skip
def test_an_archive_is_named_after_its_image(reference: str) -> None:
    name = files.archive_name(reference)
    assert "/" not in name
    assert files.reference_of(Path("/somewhere") / name) == reference


def test_a_kubeconfig_holds_everything_it_needs(written: Layout) -> None:
    (config,) = decode_yaml(written.kubeconfig().read_text())
    (cluster,), (user,), (context,) = config["clusters"], config["users"], config["contexts"]
    assert config["current-context"] == context["name"] == cluster["name"] == "havok-t"
    assert context["context"] == {"cluster": cluster["name"], "user": user["name"]}
    assert cluster["cluster"]["server"] == "https://127.0.0.1:16446"
    authority = base64.b64decode(cluster["cluster"]["certificate-authority-data"])
    assert authority == (written.pki / "ca.crt").read_bytes()
    assert base64.b64decode(user["user"]["client-key-data"]) == (written.pki / "admin.key").read_bytes()


def test_a_kubeconfig_of_the_node_goes_by_the_bridge(written: Layout) -> None:
    (config,) = decode_yaml((written.node(1).config / "kubelet.kubeconfig").read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://10.201.3.1:6443"


def test_what_holds_a_secret_is_private(written: Layout) -> None:
    secrets = [PASSWORD.encode(), b"client-key-data", b"$2b$", b"PRIVATE KEY"]
    for file in written.root.rglob("*"):
        if file.is_file() and any(secret in file.read_bytes() for secret in secrets):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    private = {file.name for file in written.root.rglob("*") if stat.S_IMODE(file.stat().st_mode) == 0o600}
    assert {"admin.kubeconfig", "containerd.toml", "registry.htpasswd", "kubelet.kubeconfig"} <= private


def test_writing_again_changes_nothing(written: Layout) -> None:
    before = {file: file.read_bytes() for file in written.root.rglob("*") if file.is_file()}
    digest = digests(written)
    files.write(written, PASSWORD)
    files.write_node(written.node(1), PASSWORD)
    assert {file: file.read_bytes() for file in written.root.rglob("*") if file.is_file()} == before
    assert digests(written) == digest


def digests(layout: Layout) -> tuple[str, str]:
    return files.digest(layout), files.node_digest(layout.node(1))


@pytest.mark.parametrize("change", ["password", "certificate", "kubelet"])
def test_a_change_that_needs_a_new_start_changes_the_digest(written: Layout, change: str) -> None:
    before = digests(written)
    if change == "password":
        files.write(written, "another")
    elif change == "certificate":
        (written.pki / "etcd.crt").write_text("renewed")
    else:
        (written.node(1).config / "kubelet.yaml").write_text("{}")
    assert digests(written) != before


def test_what_a_node_reads_concerns_no_other_process(written: Layout) -> None:
    before = files.digest(written)
    (written.node(1).config / "kubelet.yaml").write_text("{}")
    (written.pki / "node-1.crt").write_text("renewed")
    assert files.digest(written) == before


def test_the_registry_is_known_to_every_node(written: Layout) -> None:
    assert (written.node(1).config / "certs.d" / REGISTRY_HOST / "hosts.toml").is_file()
