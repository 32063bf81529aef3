"""The command line of every process of a local cluster. Pure: a layout in, components out.

Flags follow design notes kept in ARCHITECTURE.md ("The local cluster"): nothing listens beyond the
cluster's loopback address and bridge, every server asks for certificates or tokens.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from havok.localcluster.layout import Layout, NodeLayout

NOWHERE = "198.51.100.1"
"""The API server refuses to advertise loopback; RFC 5737 keeps this address for examples."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chose when the cluster was made; kept with its state."""

    durable: bool = True
    nodes: int = 1
    simulated: bool = False
    """No real node ever: the control plane on loopback alone, which needs no root."""


def etcd(layout: Layout, options: Options, binary: Path) -> tuple[str, ...]:
    at, pki = layout.addresses, layout.pki
    client, peer = f"https://{at.loopback}:2379", f"https://{at.loopback}:2380"
    flags = {
        "name": "havok",
        "data-dir": layout.etcd,
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"havok={peer}",
        "cert-file": pki / "etcd.crt",
        "key-file": pki / "etcd.key",
        "trusted-ca-file": pki / "etcd-ca.crt",
        "client-cert-auth": "true",
        "peer-cert-file": pki / "etcd.crt",
        "peer-key-file": pki / "etcd.key",
        "peer-trusted-ca-file": pki / "etcd-ca.crt",
        "peer-client-cert-auth": "true",
        "quota-backend-bytes": 4 << 30,
        "logger": "zap",
        "log-level": "warn",
    }
    if not options.durable:
        flags["unsafe-no-fsync"] = "true"
    return _command(binary, flags)


def apiserver(layout: Layout, binary: Path) -> tuple[str, ...]:
    at, pki = layout.addresses, layout.pki
    return _command(binary, {
        **_where(layout),
        "etcd-servers": f"https://{at.loopback}:2379",
        "etcd-cafile": pki / "etcd-ca.crt",
        "etcd-certfile": pki / "apiserver-etcd.crt",
        "etcd-keyfile": pki / "apiserver-etcd.key",
        "tls-cert-file": pki / "apiserver.crt",
        "tls-private-key-file": pki / "apiserver.key",
        "client-ca-file": pki / "ca.crt",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "anonymous-auth": "false",
        "allow-privileged": "true",
        "profiling": "false",
        "service-cluster-ip-range": at.service_network,
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": pki / "service-accounts.pub",
        "service-account-signing-key-file": pki / "service-accounts.key",
        "kubelet-client-certificate": pki / "apiserver-kubelet.crt",
        "kubelet-client-key": pki / "apiserver-kubelet.key",
        "kubelet-certificate-authority": pki / "ca.crt",
        "kubelet-preferred-address-types": "InternalIP",
        "requestheader-client-ca-file": pki / "front-proxy-ca.crt",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": pki / "front-proxy.crt",
        "proxy-client-key-file": pki / "front-proxy.key",
        "enable-aggregator-routing": "true",
    })  # fmt: skip


def _where(layout: Layout) -> dict[str, object]:
    """Where it listens. Without a bridge there is no address to advertise."""
    host, port = layout.api_address
    if layout.real:
        return {"bind-address": host, "advertise-address": host, "secure-port": port}
    return {
        "bind-address": host, "advertise-address": NOWHERE, "secure-port": port,
        "endpoint-reconciler-type": "none",
    }  # fmt: skip


def controller_manager(layout: Layout, binary: Path) -> tuple[str, ...]:
    at, pki = layout.addresses, layout.pki
    return _command(binary, {
        **_server_flags(layout, "controller-manager"),
        "secure-port": 10257,
        "use-service-account-credentials": "true",
        "service-account-private-key-file": pki / "service-accounts.key",
        "root-ca-file": pki / "ca.crt",
        "cluster-signing-cert-file": pki / "ca.crt",
        "cluster-signing-key-file": pki / "ca.key",
        "cluster-cidr": at.pod_network,
        "allocate-node-cidrs": "false",
    })  # fmt: skip


def scheduler(layout: Layout, binary: Path) -> tuple[str, ...]:
    return _command(binary, {**_server_flags(layout, "scheduler"), "secure-port": 10259})


def _server_flags(layout: Layout, name: str) -> dict[str, object]:
    kubeconfig = layout.kubeconfig(name)
    return {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": layout.addresses.loopback,
        "tls-cert-file": layout.pki / f"{name}.crt",
        "tls-private-key-file": layout.pki / f"{name}.key",
        "profiling": "false",
        "leader-elect": "false",
    }


def registry(layout: Layout) -> tuple[str, ...]:
    return ("docker-registry", "serve", str(layout.config / "registry.yaml"))


def storage(layout: Layout) -> tuple[str, ...]:
    return (
        *python("havok.localcluster.storage"),
        "--kubeconfig", str(layout.kubeconfig("storage")), "--folder", str(layout.volumes),
    )  # fmt: skip


def operator(layout: Layout) -> tuple[str, ...]:
    at = layout.addresses
    return (
        *python("havok.cli.main"), "serve", "operator", "--verbose",
        "--kubeconfig", str(layout.kubeconfig("operator")),
        "--host", at.loopback,
        "--webhook-url", f"https://{at.loopback}:9443",
        "--webhook-certificates", str(layout.config / "webhook"),
        # One operator beside a laptop's cluster: while it restarts, the reconciler makes up for admission.
        "--webhook-failure-policy", "Ignore",
    )  # fmt: skip


def node(layout: NodeLayout, key: str) -> tuple[str, ...]:
    """The init of a node: process 1 of its own process, mount and network namespaces. `key`: what for."""
    cluster = layout.cluster
    return (
        "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc",
        "--propagation", "private",
        *python("havok.localcluster.node"), str(cluster.home), cluster.name, str(layout.number), key,
    )  # fmt: skip


def containerd(layout: NodeLayout) -> tuple[str, ...]:
    return ("containerd", "--config", str(layout.config / "containerd.toml"))


def kubelet(layout: NodeLayout, binary: Path) -> tuple[str, ...]:
    return _command(binary, {
        "config": layout.config / "kubelet.yaml",
        "kubeconfig": layout.config / "kubelet.kubeconfig",
        "root-dir": layout.kubelet,
        "hostname-override": layout.name,
        "node-ip": layout.address,
        "node-labels": "havok.dev/local=true",
    })  # fmt: skip


def kube_proxy(layout: NodeLayout, binary: Path) -> tuple[str, ...]:
    return _command(binary, {"config": layout.config / "kube-proxy.yaml"})


def python(module: str) -> tuple[str, ...]:
    """This interpreter running a module of ours, deaf to the folder it starts in."""
    return (sys.executable, "-P", "-m", module)


def _command(binary: Path, flags: Mapping[str, object]) -> tuple[str, ...]:
    return (str(binary), *(f"--{name}={value}" for name, value in flags.items()))
