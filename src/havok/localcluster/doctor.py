"""What this machine lacks for a local cluster, each finding with its fix.

The checks are small functions from facts to findings; `examine` gathers the facts. `havok up` refuses on the
findings that make a cluster impossible, `havok doctor` shows all.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from havok.errors import HavokError
from havok.localcluster import cgroups, network, platform, state, supervisor
from havok.localcluster.command import run, succeeds
from havok.localcluster.layout import Layout
from havok.settings import Settings

GIB = 1 << 30
LEAST_DISK = 1 * GIB
LEAST_MEMORY = 768 << 20
"""What the control plane, the registry and the operator take together."""
NODE_MEMORY = 256 << 20
"""What a real node takes before its first app."""
TOOLS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "iptables-restore": "iptables",
    "docker-registry": "docker-registry",
    "skopeo": "skopeo",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
}
"""Each command a cluster uses, and the Debian package that has it."""
PACKAGES = ("containerd", "runc", "containernetworking-plugins", "iptables", "docker-registry", "skopeo",
            "iproute2", "util-linux", "mount")  # fmt: skip
CNI = ("ptp", "host-local", "portmap", "loopback")
FEATURES = {
    "overlay": "overlay file system (CONFIG_OVERLAY_FS)",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check. `level`: ok, warning (works, but) or error (a cluster is impossible).

    What it says is the text `cluster.doctor.<check>.<ok|problem>`; `fix` is a command or a sentence.
    """

    check: str
    level: str
    values: dict[str, object] = {}
    fix: str = ""


def examine(settings: Settings, name: str = "default") -> list[Finding]:
    """Every check, in the order in which a person would mend them."""
    refusal = platform.refuse(os.uname().sysname)
    if refusal is not None:
        return [_bad("platform", refusal.hint, reason=refusal.message)]
    home = Path(settings.get("cluster.home", str))
    if not platform.root():
        return [
            _warn("root", "sudo havok up"),
            memory(Path("/proc/meminfo").read_text()), disk(home, _free(home)), _port(home, name),
        ]  # fmt: skip
    return [
        _good("platform", system=f"{os.uname().sysname} {os.uname().release}"),
        *packages(missing_packages()),
        containerd_version(_output(["containerd", "--version"])),
        *_kernel(),
        memory(Path("/proc/meminfo").read_text(), _nodes_to_start(home, name)),
        disk(home, _free(home)),
        _port(home, name),
        _addresses(home, name),
        _cgroups(),
    ]


def check_requirements(home: Path | None = None, *, packages: bool = True) -> None:
    """Refuse early what cannot work. Raises HavokError `cluster.packages.missing` or `cluster.disk.full`."""
    missing = missing_packages() if packages else []
    if missing:
        names = " ".join(missing)
        raise HavokError(
            "cluster.packages.missing",
            f"a local cluster needs Debian packages that this machine lacks: {names}",
            f"apt-get install --yes --no-install-recommends {names}; or have simulated nodes alone: "
            f"havok up --nodes 0",
            packages=names,
        )
    free = _free(home) if home else LEAST_DISK
    if free < LEAST_DISK:
        raise HavokError(
            "cluster.disk.full",
            f"only {free / GIB:.1f} GiB are free at {home}; etcd and images need at least 1 GiB to be safe",
            "free some space, or set HAVOK_CLUSTER_HOME to a roomier file system; nothing was changed",
            free=f"{free / GIB:.1f} GiB", home=str(home),
        )  # fmt: skip


def check_memory(nodes: int, meminfo: str = "") -> None:
    """Refuse real nodes that this machine cannot hold. Raises HavokError `cluster.memory.short`."""
    free = _available(meminfo or Path("/proc/meminfo").read_text())
    needed = LEAST_MEMORY + nodes * NODE_MEMORY
    if nodes > 0 and free < needed:
        raise HavokError(
            "cluster.memory.short",
            f"{nodes} more nodes need about {needed / GIB:.1f} GiB of memory; {free / GIB:.1f} GiB are free",
            f"ask for {max(1, (free - LEAST_MEMORY) // NODE_MEMORY)} at most, or end other programs; "
            f"nothing was changed",
            nodes=nodes, needed=f"{needed / GIB:.1f} GiB", free=f"{free / GIB:.1f} GiB",
            most=max(1, (free - LEAST_MEMORY) // NODE_MEMORY),
        )  # fmt: skip


def missing_packages() -> list[str]:
    """Debian packages without which no cluster starts, each once."""
    lacking = [package for tool, package in TOOLS.items() if _which(tool) is None]
    if not all((Path("/usr/lib/cni") / plugin).exists() for plugin in CNI):
        lacking.append("containernetworking-plugins")
    return list(dict.fromkeys(lacking))


def packages(missing: list[str]) -> Iterable[Finding]:
    if not missing:
        return [_good("packages", count=len(PACKAGES))]
    names = " ".join(missing)
    return [_bad("packages", f"apt-get install --yes --no-install-recommends {names}", names=names)]


def containerd_version(text: str) -> Finding:
    """1.6 is the oldest that Kubernetes' CRI v1 works with."""
    words = text.split()
    version = next((word.lstrip("v") for word in words if word.lstrip("v")[:1].isdigit()), "")
    try:
        major, minor = (int(part) for part in version.split(".")[:2])
    except ValueError:
        return _bad("containerd", "apt-get install --yes containerd", version=version or "?")
    if (major, minor) < (1, 6):
        return _bad("containerd", "install containerd 1.6 or newer", version=version)
    return _good("containerd", version=version)


def memory(meminfo: str, nodes: int = 1) -> Finding:
    """A cluster of one node with the platform and the sample takes about 1.5 GiB. `nodes`: yet to start."""
    free = _available(meminfo)
    values = {"free": f"{free / GIB:.1f} GiB"}
    if nodes > 1 and free < LEAST_MEMORY + nodes * NODE_MEMORY:
        fix = f"end other programs; {nodes} nodes take {(LEAST_MEMORY + nodes * NODE_MEMORY) / GIB:.1f} GiB"
        return _bad("memory", fix, **values)
    if free < 1 * GIB:
        return _bad("memory", "end other programs; a cluster with the sample takes about 1.5 GiB", **values)
    if free < 2 * GIB:
        return _warn("memory", "end other programs before large apps", **values)
    return _good("memory", **values)


def _nodes_to_start(home: Path, name: str) -> int:
    try:
        known = state.load(home, name)
    except HavokError:
        return 1
    return 0 if supervisor.runs(known.layout(home)) else len(known.running)


def _available(meminfo: str) -> int:
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in meminfo.splitlines() if ":" in line}
    return found.get("MemAvailable", 0)


def disk(home: Path, free: int) -> Finding:
    values = {"free": f"{free / GIB:.1f} GiB", "path": str(home)}
    if free < 2 * GIB:
        fix = "free some space, or set HAVOK_CLUSTER_HOME to a roomier file system"
        return _bad("disk", fix, **values)
    if free < 8 * GIB:
        return _warn("disk", "a first build needs about 8 GiB for its caches", **values)
    return _good("disk", **values)


def _kernel() -> list[Finding]:
    found = []
    known = Path("/proc/filesystems").read_text().split()
    if "overlay" not in known and not succeeds(["modprobe", "overlay"]):
        found.append(_bad("kernel", "use a kernel with CONFIG_OVERLAY_FS", feature=FEATURES["overlay"]))
    if _which("iptables") and not succeeds(["iptables", "-w", "5", "-t", "nat", "-S"]):
        found.append(
            _bad("kernel", "load the modules ip_tables, iptable_nat or nf_tables", feature="iptables nat")
        )
    if not Path("/proc/self/ns/pid").exists():
        found.append(_bad("kernel", "use a kernel with namespaces", feature="namespaces"))
    return found or [_good("kernel", release=os.uname().release)]


def _port(home: Path, name: str) -> Finding:
    try:
        layout = state.load(home, name).layout(home)
    except HavokError:
        return _good("port", port=state.FIRST_API_PORT)
    owner = None if supervisor.runs(layout) else state.port_owner(layout.api_port)
    if owner is None:
        return _good("port", port=layout.api_port)
    return _bad(
        "port", f"end {owner}, or make another cluster with --name", port=layout.api_port, owner=owner
    )


def _addresses(home: Path, name: str) -> Finding:
    try:
        layout = state.load(home, name).layout(home)
    except HavokError:
        layout = Layout(home, name, 0, 0)
    overlap = network.taken_by_others(layout) if _which("ip") else None
    if overlap is None:
        return _good("addresses", network=layout.addresses.node_network)
    return _warn("addresses", "another set of addresses is chosen for new clusters", overlap=overlap)


def _cgroups() -> Finding:
    found = cgroups.hierarchies(cgroups.MOUNT_TABLE.read_text())
    if not cgroups.in_use(found):
        return _bad("cgroups", "mount -t cgroup2 none /sys/fs/cgroup", version="-")
    return _good("cgroups", version="v2" if cgroups.unified(found) else "v1")


def _free(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _output(command: list[str]) -> str:
    try:
        return run(command, timeout=10)
    except HavokError:
        return ""


def _good(check: str, **values: object) -> Finding:
    return Finding(check=check, level="ok", values=values)


def _warn(check: str, fix: str, **values: object) -> Finding:
    return Finding(check=check, level="warning", values=values, fix=fix)


def _bad(check: str, fix: str, **values: object) -> Finding:
    return Finding(check=check, level="error", values=values, fix=fix)
