"""The configuration files of a cluster's processes, as data. Pure but for `write`.

Sources: kubelet.config.k8s.io/v1beta1, kubeproxy.config.k8s.io/v1alpha1, containerd CRI plugin config
version 2, CNI 1.0 network lists, distribution/registry configuration.
"""

import base64
import hashlib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from havok.codec import encode_json, encode_yaml
from havok.localcluster.layout import NODE_PREFIX, REGISTRY_HOST, Layout, NodeLayout
from havok.localcluster.pki import write_private, write_public

PAUSE_IMAGE = "havok.local/pause:1"


def kubeconfig(layout: Layout, user: str, certificate: str, *, server: str = "", inline: bool = True) -> str:
    """A kubeconfig for one certificate of the cluster, by default with everything inside it."""
    pki = layout.pki

    def part(name: str, file: Path) -> dict[str, str]:
        if inline:
            return {f"{name}-data": base64.b64encode(file.read_bytes()).decode()}
        return {name: str(file)}

    context = layout.context
    login = part("client-certificate", pki / f"{certificate}.crt")
    login |= part("client-key", pki / f"{certificate}.key")
    where = {"server": server or layout.api_url, **part("certificate-authority", pki / "ca.crt")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": context, "cluster": where}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": user}}],
        "users": [{"name": user, "user": login}],
    }
    return encode_yaml(document)


def registry_yaml(layout: Layout) -> str:
    return encode_yaml({
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(layout.root / "registry")},
            "delete": {"enabled": True},
        },
        "http": {"addr": layout.addresses.registry},
        "auth": {"htpasswd": {"realm": "havok", "path": str(layout.config / "registry.htpasswd")}},
    })  # fmt: skip


def containerd_toml(node: NodeLayout, password: str, snapshotter: str = "overlayfs") -> str:
    """Holds a secret: what the node shows to the registry."""
    root, config = node.containerd, node.config
    return f"""\
version = 2
root = "{root}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", \
"io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]

[grpc]
address = "/run/containerd/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
path = "{root}/opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
restrict_oom_score_adj = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"
tolerate_missing_hugetlb_controller = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{config}/cni"

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{config}/certs.d"

[plugins."io.containerd.grpc.v1.cri".registry.configs."{node.cluster.addresses.registry}".auth]
username = "havok"
password = "{password}"

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{snapshotter}"
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def registry_hosts_toml(layout: Layout) -> str:
    """Where containerd finds the registry that Boots call by REGISTRY_HOST.

    A server and no mirror: containerd asks the server after every mirror, and what the server says wins.
    containerd 1.6 reads no file without a host table.
    """
    return f'server = "http://{layout.addresses.registry}"\n\n[host]\n'


def cni_conflist(node: NodeLayout) -> bytes:
    """Point-to-point cables: each packet is routed, so Services work without bridge netfilter."""
    ptp = {
        "type": "ptp",
        "ipMasq": False,
        "mtu": 1500,
        "ipam": {
            "type": "host-local",
            "dataDir": "/run/cni-addresses",
            "ranges": [[{"subnet": node.pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    plugins: list[dict[str, Any]] = [ptp, {"type": "portmap", "capabilities": {"portMappings": True}}]
    return encode_json({"cniVersion": "1.0.0", "name": "havok", "plugins": plugins}, indent=2)


def kubelet_yaml(node: NodeLayout) -> str:
    pki, cluster = node.cluster.pki, node.cluster
    return encode_yaml({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / f"{node.name}.crt"),
        "tlsPrivateKeyFile": str(pki / f"{node.name}.key"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": node.cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "clusterDNS": [cluster.addresses.dns],
        "clusterDomain": "cluster.local",
        "resolvConf": "/run/havok-resolv.conf",
        "podLogsDir": "/var/log/pods",
        "volumePluginDir": str(node.kubelet / "volume-plugins"),
        "healthzBindAddress": "127.0.0.1",
        "serializeImagePulls": False,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "syncFrequency": "15s",
    })  # fmt: skip


def kube_proxy_yaml(node: NodeLayout) -> str:
    return encode_yaml({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "hostnameOverride": node.name,
        "clusterCIDR": node.cluster.addresses.pod_network,
        "clientConnection": {"kubeconfig": str(node.config / "kube-proxy.kubeconfig")},
        "conntrack": {"maxPerCore": 0},
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "nodePortAddresses": ["primary"],
    })  # fmt: skip


def resolv_conf(texts: list[str]) -> str:
    """Name servers that a node can reach: the first text with one outside loopback wins."""
    for text in texts:
        lines = [[*line.split(), "", ""][:2] for line in text.splitlines()]
        servers = [value for word, value in lines if word == "nameserver" and value]
        usable = [server for server in servers if not server.startswith("127.") and server != "::1"]
        if usable:
            return "".join(f"nameserver {server}\n" for server in usable[:3])
    return ""


def archive_name(reference: str) -> str:
    """``havok.local/pause:1`` as a file name that `reference_of` reads back."""
    return reference.replace("/", "__").replace(":", "--") + ".tar"


def reference_of(archive: Path) -> str:
    return archive.stem.replace("__", "/").replace("--", ":")


def write(layout: Layout, password: str) -> None:
    """Every file of the cluster and its nodes; secrets as 0600. Same input, same files."""
    import bcrypt

    layout.config.mkdir(parents=True, exist_ok=True, mode=0o700)
    for user in ("admin", "controller-manager", "scheduler", "storage", "operator", "kwok"):
        text = kubeconfig(layout, f"{layout.context}-{user}", user)
        write_private(layout.kubeconfig(user), text.encode())
    for kind in ("node", "pod"):
        stages = resources.files("havok.localcluster") / "stages" / f"{kind}.yaml"
        write_public(layout.config / f"kwok-{kind}.yaml", stages.read_bytes())
    write_public(layout.config / "registry.yaml", registry_yaml(layout).encode())
    htpasswd = layout.config / "registry.htpasswd"
    known = htpasswd.read_bytes().strip().partition(b":")[2] if htpasswd.exists() else b""
    if not known or not bcrypt.checkpw(password.encode(), known):
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=6))
        write_private(htpasswd, b"havok:" + hashed + b"\n")


def write_node(node: NodeLayout, password: str) -> None:
    """The files one node reads."""
    bridge = f"https://{node.cluster.addresses.bridge}:6443"
    config = node.config
    certs = config / "certs.d" / REGISTRY_HOST
    for folder in (config / "cni", certs, node.kubelet, node.containerd, node.log):
        folder.mkdir(parents=True, exist_ok=True)
    write_public(certs / "hosts.toml", registry_hosts_toml(node.cluster).encode())
    write_private(config / "containerd.toml", containerd_toml(node, password).encode())
    write_public(config / "cni" / "10-havok.conflist", cni_conflist(node))
    write_public(config / "kubelet.yaml", kubelet_yaml(node).encode())
    write_public(config / "kube-proxy.yaml", kube_proxy_yaml(node).encode())
    for file, user, certificate in (
        ("kubelet.kubeconfig", f"system:node:{node.name}", node.name),
        ("kube-proxy.kubeconfig", "system:kube-proxy", "proxy"),
    ):
        text = kubeconfig(node.cluster, user, certificate, server=bridge)
        write_private(config / file, text.encode())


def digest(layout: Layout) -> str:
    """Of every file that a process on the host reads at its start: another digest, another start."""
    leaves = [file for file in layout.pki.glob("*.crt") if not file.name.startswith(NODE_PREFIX)]
    return _digest([*leaves, *layout.config.glob("registry.*"), *_configs(layout.config)])


def node_digest(node: NodeLayout) -> str:
    """The same of one node."""
    return _digest(
        [node.cluster.pki / "ca.crt", node.cluster.pki / f"{node.name}.crt", *_configs(node.config)]
    )


def _configs(folder: Path) -> list[Path]:
    return [*folder.glob("*.kubeconfig"), *folder.glob("*.toml"), *folder.glob("k*.yaml")]


def _digest(found: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for file in sorted(found):
        whole.update(f"{file}\0".encode() + file.read_bytes())
    return whole.hexdigest()
