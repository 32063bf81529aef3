"""Which binaries a local cluster runs, where each comes from, and how long it takes to build.

The pin files decide the sources to the byte; the versions here repeat what they say, so that a ready binary
can be compared with its pin without parsing them (a test keeps the two equal). A group is what one Go module
builds: its binaries share the pins, the flags, the cache folder and the lock.
"""

import difflib
import functools
import hashlib
import platform
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import msgspec

from havok.errors import NotFoundError

KUBERNETES: Final = "1.37.2"
ETCD: Final = "3.7.3"
COREDNS: Final = "1.15.0"
METRICS_SERVER: Final = "0.9.0"
PAUSE: Final = "1.0.0"
KWOK: Final = "0.8.0"

FLAGS: Final = ("-mod=readonly", "-modcacherw", "-trimpath", "-buildvcs=false")
"""What every build gets; a change of these makes a new cache folder."""

MIB: Final = 2**20
GIB: Final = 2**30


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One pinned Go module. `disk` is what a cold build of all its binaries takes, in bytes."""

    name: str
    pins: Path | None = None
    version: str
    variables: str = ""
    disk: int

    @property
    def ldflags(self) -> str:
        """Stripped of symbols, and told its version where the source does not say it."""
        return f"-s -w {self.variables}".strip()

    def files(self) -> dict[str, bytes]:
        """The pin files by name: `go.mod`, `go.sum` and, where the program is ours, its sources."""
        folder: Traversable | Path = self.pins or resources.files("havok.localcluster.pins") / self.name
        return {entry.name: entry.read_bytes() for entry in _sorted(folder) if _is_source(entry.name)}

    def key(self, arch: str | None = None) -> str:
        """Twelve hex digits that change whenever the bytes of the binaries may."""
        digest = hashlib.sha256()
        for part in (*FLAGS, self.ldflags, arch or architecture()):
            digest.update(part.encode() + b"\0")
        for name, data in self.files().items():
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
        return digest.hexdigest()[:12]


class Binary(msgspec.Struct, frozen=True, kw_only=True):
    """One program. `seconds` is its cold build in table order on two cores.

    `asks` are the arguments that make it print its version. `published` says that the release site has it.
    """

    name: str
    group: Group
    package: str
    seconds: float
    asks: tuple[str, ...] = ("--version",)
    published: bool = False
    ours: bool = False

    def release_path(self, arch: str | None = None) -> str | None:
        """Where the release site has it, below its root; None when it must be built."""
        if not self.published:
            return None
        return f"release/v{self.group.version}/bin/linux/{arch or architecture()}/{self.name}"


Table = Mapping[str, Binary]

_KUBERNETES_SAYS = f"-X k8s.io/component-base/version.gitVersion=v{KUBERNETES}"
_METRICS_SAYS = f"-X k8s.io/client-go/pkg/version.gitVersion=v{METRICS_SERVER}"

_etcd = Group(name="etcd", version=ETCD, disk=1 * GIB)
_kubernetes = Group(
    name="kubernetes", version=KUBERNETES, variables=_KUBERNETES_SAYS, disk=4 * GIB
)  # fmt: skip
_metrics = Group(
    name="metrics-server", version=METRICS_SERVER, variables=_METRICS_SAYS, disk=2 * GIB
)  # fmt: skip
_coredns = Group(name="coredns", version=COREDNS, disk=2 * GIB)
_kwok = Group(
    name="kwok", version=KWOK, variables=f"-X sigs.k8s.io/kwok/pkg/consts.Version=v{KWOK}", disk=1 * GIB
)  # fmt: skip
_pause = Group(name="pause", version=PAUSE, disk=256 * MIB)


def _kube(name: str, seconds: float, asks: tuple[str, ...] = ("--version",)) -> Binary:
    package = f"k8s.io/kubernetes/cmd/{name}"
    return Binary(name=name, group=_kubernetes, package=package, seconds=seconds, asks=asks, published=True)


TABLE: Final[Table] = {
    binary.name: binary
    for binary in (
        Binary(name="pause", group=_pause, package="havok.local/pause", seconds=5, ours=True),
        Binary(name="etcd", group=_etcd, package="go.etcd.io/etcd/server/v3", seconds=32),
        _kube("kube-apiserver", 330),
        _kube("kubectl", 25, ("version", "--client")),
        _kube("kube-controller-manager", 90),
        _kube("kube-scheduler", 8),
        _kube("kubelet", 22),
        _kube("kube-proxy", 9),
        Binary(
            name="metrics-server", group=_metrics,
            package="sigs.k8s.io/metrics-server/cmd/metrics-server", seconds=140,
        ),
        Binary(
            name="coredns", group=_coredns, package="github.com/coredns/coredns", seconds=160,
            asks=("-version",),
        ),
        Binary(name="kwok", group=_kwok, package="sigs.k8s.io/kwok/cmd/kwok", seconds=80),
    )
}  # fmt: skip
"""Every binary, in the order in which they are best built: the API server compiles what the others share."""


def select(names: Iterable[str], table: Table = TABLE) -> list[Binary]:
    """The binaries called `names`, in build order. Raises NotFoundError `binaries.unknown`."""
    asked = set(names)
    for name in sorted(asked - table.keys()):
        near = difflib.get_close_matches(name, table, n=1)
        nearest = near[0] if near else ", ".join(table)
        raise NotFoundError(
            "binaries.unknown", f"there is no binary {name}", f"did you mean {nearest}?",
            name=name, nearest=nearest,
        )  # fmt: skip
    return [binary for name, binary in table.items() if name in asked]


@functools.cache
def architecture() -> str:
    """Go's and Kubernetes' word for this machine's processor: `amd64`, `arm64`, …"""
    machine = platform.machine().lower()
    return {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}.get(machine, machine)


def _sorted(folder: Traversable | Path) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda entry: entry.name)


def _is_source(name: str) -> bool:
    return name in {"go.mod", "go.sum"} or name.endswith(".go")
