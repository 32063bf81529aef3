"""The init of a real node: process 1 of its own process, mount and network namespaces.

Because it is process 1, its end ends every process of the node, every mount and every link inside, whatever
state they are in: that is what makes `havok down` clean after any crash. It mounts the node's own folders
over the standard places, waits for the cable that the host lays, and keeps containerd, kubelet and kube-proxy
up. It knows nothing of the control plane.
"""

import contextlib
import os
import socket
import sys
import time
from pathlib import Path

from havok import log
from havok.localcluster import cgroups, components, files, state
from havok.localcluster.command import run, succeeds
from havok.localcluster.layout import MARK, NodeLayout
from havok.localcluster.supervise import Component, Supervisor

SOCKET = "/run/containerd/containerd.sock"
UPLINK = "uplink"


def main(arguments: list[str]) -> None:
    """``python -m havok.localcluster.node HOME CLUSTER NUMBER KEY``: KEY says what it was started for."""
    home, name, number, _ = arguments
    log.configure()
    known = state.load(Path(home), name)
    node = known.layout(Path(home)).node(int(number))
    binaries = {name: Path(path) for name, path in known.binaries.items()}
    _mounts(node)
    _empty_groups(node)
    _network(node)
    environment = {**os.environ, MARK: known.layout(Path(home)).mark}
    components_ = node_components(node, binaries)
    Supervisor(components_, run=Path("/run/havok-node"), status=node.status, environment=environment).run()


def node_components(node: NodeLayout, binaries: dict[str, Path]) -> list[Component]:
    """containerd first; the kubelet when the images that must not be pulled are there."""
    folder = node.root / "logs"
    return [
        Component(
            name="containerd", command=components.containerd(node), log=folder / "containerd.log",
            ready=lambda: _containerd_ready(node), patience=5,
        ),
        Component(
            name="kubelet", command=components.kubelet(node, binaries["kubelet"]),
            log=folder / "kubelet.log", needs=("containerd",),
            ready=lambda: _listens("127.0.0.1", 10248), patience=5,
        ),
        Component(
            name="kube-proxy", command=components.kube_proxy(node, binaries["kube-proxy"]),
            log=folder / "kube-proxy.log", ready=lambda: _listens("127.0.0.1", 10256), patience=2,
        ),
    ]  # fmt: skip


def _mounts(node: NodeLayout) -> None:
    resolv = files.resolv_conf([
        text for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
        if (text := _read(path))
    ])  # fmt: skip
    target = Path("/etc/resolv.conf").resolve()
    run(["mount", "--make-rshared", "/"])
    run(["mount", "-t", "tmpfs", "-o", "mode=755", "havok-run", "/run"])
    run(["mount", "--make-rshared", "/run"])
    for place in ("/run/containerd", "/run/netns", "/run/lock", "/run/havok-node"):
        Path(place).mkdir(parents=True, exist_ok=True)
    Path("/run/havok-resolv.conf").write_text(resolv)
    if not target.exists() and target.is_relative_to("/run"):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    if target.exists():
        run(["mount", "--bind", "/run/havok-resolv.conf", str(target)])
    run(["mount", "--bind", str(node.log), "/var/log"])
    for place, folder in (("/var/lib/kubelet", node.kubelet), ("/var/lib/cni", node.root / "cni")):
        folder.mkdir(parents=True, exist_ok=True)
        if Path(place).is_dir():
            run(["mount", "--rbind", str(folder), place])


def _empty_groups(node: NodeLayout) -> None:
    """Remove the groups of pods that died with the node before us.

    The kubelet would ask containerd about each of them, 3 s a group, before it starts the first pod.
    """
    cgroups.remove(node.cgroup)
    cgroups.ensure(node.cgroup)


def _read(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text()
    return ""


def _network(node: NodeLayout) -> None:
    """Our side of the cable, once the host has laid it."""
    deadline = time.monotonic() + 30
    while not _exists(UPLINK):
        if time.monotonic() > deadline:
            sys.exit("the host laid no cable within 30 s")
        time.sleep(0.02)
    at = node.cluster.addresses
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    # Pods of other nodes are reached by the host alone; it would tell us of a shorter way that may change.
    Path("/proc/sys/net/ipv4/conf/all/accept_redirects").write_text("0")
    for command in (
        ["ip", "link", "set", "lo", "up"],
        ["ip", "address", "add", f"{node.address}/24", "dev", UPLINK],
        ["ip", "link", "set", UPLINK, "up"],
        ["ip", "route", "add", "default", "via", at.bridge],
    ):
        run(command)


def _exists(interface: str) -> bool:
    try:
        socket.if_nametoindex(interface)
    except OSError:
        return False
    return True


def _containerd_ready(node: NodeLayout) -> bool:
    if not Path(SOCKET).is_socket():
        return False
    base = ["ctr", "--address", SOCKET, "--namespace", "k8s.io"]
    if not succeeds([*base, "version"], timeout=5):
        return False
    try:
        present = set(run([*base, "images", "list", "--quiet"]).split())
        for archive in sorted(node.cluster.images.glob("*.tar")):
            if files.reference_of(archive) not in present:
                run([*base, "images", "import", str(archive)])
    except Exception as error:
        log.get_logger("localcluster.node").error("image not loaded", error=str(error))
        return False
    return True


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
