"""Where everything of a local cluster lives: folders, addresses, names.

Pure: derived from the cluster's name and index alone, so that every process of a cluster (and a later
`down` after a crash) works out the same places without asking another. Nothing here does I/O.

Index i (0..31) parts clusters from each other:

    127.77.i.1        loopback (127.78 to 127.227 without root): etcd, scheduler, controllers, operator
    10.201.i.0/24     the bridge: .1 is the API server and the registry, .11 upwards the nodes
    10.(210+i).n.0/24 pods of node n
    10.202.(8i).0/21  Services; .1 is the API server, .10 the cluster DNS
"""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

MAX_CLUSTERS: Final = 32
NODE_PREFIX: Final = "node-"
REGISTRY_HOST: Final = "registry.havok.internal"
"""What a Boot's `registry` says; every node maps it to its own cluster's registry."""
MARK: Final = "HVK_CLUSTER"
"""Environment variable that every process of a cluster carries, so that `down` finds all of them."""


PEOPLE: Final = 150


def personal_number(home: Path) -> int:
    """1 to PEOPLE, from where a person keeps clusters; 0 is root."""
    return 1 + int.from_bytes(hashlib.sha256(bytes(home)).digest()[:4]) % PEOPLE


class Addresses(msgspec.Struct, frozen=True):
    """Addresses of the cluster with this index. IPv4, dotted."""

    index: int
    personal: int = 0
    """Parts clusters of several people without root, who know nothing of each other: 1 to PEOPLE."""

    @property
    def loopback(self) -> str:
        return f"127.{77 + self.personal}.{self.index}.1"

    @property
    def bridge(self) -> str:
        return f"10.201.{self.index}.1"

    @property
    def bridge_name(self) -> str:
        return f"hvk-br{self.index}"

    @property
    def node_network(self) -> str:
        return f"10.201.{self.index}.0/24"

    @property
    def pod_network(self) -> str:
        return f"10.{210 + self.index}.0.0/16"

    @property
    def service_network(self) -> str:
        return f"10.202.{self.index * 8}.0/21"

    @property
    def service_api(self) -> str:
        return f"10.202.{self.index * 8}.1"

    @property
    def dns(self) -> str:
        return f"10.202.{self.index * 8}.10"

    @property
    def registry(self) -> str:
        """host:port where the registry listens (HTTP, basic authentication, our bridge only)."""
        return f"{self.bridge}:5000"

    def node(self, number: int) -> str:
        return f"10.201.{self.index}.{10 + number}"

    def node_pods(self, number: int) -> str:
        return f"10.{210 + self.index}.{number - 1}.0/24"


class Layout(msgspec.Struct, frozen=True):
    """Folders and files of one cluster. `home` is the setting cluster.home."""

    home: Path
    name: str
    index: int
    api_port: int
    real: bool = True
    """Whether it may have real nodes; one of simulated nodes alone keeps to loopback and its home."""

    @property
    def addresses(self) -> Addresses:
        return Addresses(self.index, 0 if self.real else personal_number(self.home))

    @property
    def root(self) -> Path:
        """State that outlives `down` and a reboot."""
        return self.home / "clusters" / self.name

    @property
    def run(self) -> Path:
        """State that a reboot ends: process identities, sockets. Root only."""
        if not self.real:
            return self.root / "run"
        return Path("/run/havok") / self.name

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def etcd(self) -> Path:
        return self.root / "etcd"

    @property
    def images(self) -> Path:
        """Image archives that every node loads at its start."""
        return self.root / "images"

    @property
    def volumes(self) -> Path:
        return self.root / "volumes"

    @property
    def mark(self) -> str:
        """The value of MARK in every process; another person's cluster of the same name has another."""
        return self.name if self.real else f"{self.name}@{self.home}"

    @property
    def api_address(self) -> tuple[str, int]:
        """Where the API server listens."""
        return (self.addresses.bridge, 6443) if self.real else ("127.0.0.1", self.api_port)

    @property
    def context(self) -> str:
        """The name of the kubeconfig context, cluster and user: `havok` or `havok-<name>`."""
        return "havok" if self.name == "default" else f"havok-{self.name}"

    @property
    def api_url(self) -> str:
        """Where people, tests and benchmarks reach the API server."""
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def cgroup(self) -> str:
        return f"/havok/{self.name}"

    def kubeconfig(self, user: str = "admin") -> Path:
        return self.config / f"{user}.kubeconfig"

    def log(self, component: str) -> Path:
        return self.logs / f"{component}.log"

    def node(self, number: int) -> "NodeLayout":
        return NodeLayout(self, number)

    def made_nodes(self) -> "list[NodeLayout]":
        """Every node that has a folder, whether it is to be or not."""
        numbers = [folder.name.removeprefix(NODE_PREFIX) for folder in (self.root / "nodes").glob("*")]
        return [self.node(int(number)) for number in sorted(numbers) if number.isdigit()]


class NodeLayout(msgspec.Struct, frozen=True):
    """Folders of one real node; most are mounted over the standard places inside its mount namespace."""

    cluster: Layout
    number: int

    @property
    def name(self) -> str:
        return f"{NODE_PREFIX}{self.number}"

    @property
    def component(self) -> str:
        return self.name

    @property
    def root(self) -> Path:
        return self.cluster.root / "nodes" / self.name

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def kubelet(self) -> Path:
        return self.root / "kubelet"

    @property
    def containerd(self) -> Path:
        return self.root / "containerd"

    @property
    def log(self) -> Path:
        """Becomes /var/log inside the node."""
        return self.root / "log"

    @property
    def status(self) -> Path:
        return self.root / "status.json"

    @property
    def address(self) -> str:
        return self.cluster.addresses.node(self.number)

    @property
    def pods(self) -> str:
        return self.cluster.addresses.node_pods(self.number)

    @property
    def hardware_address(self) -> str:
        """Of its end of the cable; the same in each life, so that no neighbour has to learn it anew."""
        return f"02:68:76:6b:{self.cluster.index:02x}:{self.number:02x}"

    @property
    def host_link(self) -> str:
        """The host's end of the node's cable; at most 15 characters."""
        return f"hvk{self.cluster.index}n{self.number}"

    @property
    def cgroup(self) -> str:
        return f"{self.cluster.cgroup}/{self.name}"
