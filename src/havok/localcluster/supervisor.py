"""The cluster's supervisor: the one daemon that `havok up` leaves behind.

Keeps the control plane, the registry, the node, the volume provisioner and the operator running. Components
of the platform wait for a marker file that `up` writes once the API server has their kinds and rights. A
supervisor that is killed leaves its components running; the next one adopts them.
"""

import hashlib
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

from havok import log
from havok.localcluster import components, files, network, process, simulated, state
from havok.localcluster.layout import MARK, Layout, NodeLayout
from havok.localcluster.node import node_components
from havok.localcluster.state import Known
from havok.localcluster.supervise import Component, Supervisor


def main(arguments: list[str]) -> None:
    """``python -m havok.localcluster.supervisor HOME CLUSTER KEY``: KEY says what it was started for."""
    home, name, key = Path(arguments[0]), arguments[1], arguments[2]
    log.configure()
    known = state.load(home, name)
    layout = known.layout(home)
    held = hold_port(layout)
    signal.signal(
        signal.SIGHUP, signal.SIG_IGN
    )  # whoever sends it before we listen changed the record before
    if (ourselves := process.identity(os.getpid(), key)) is not None:
        process.save(layout.run / "supervisor.json", ourselves)
    environment = {**os.environ, MARK: layout.mark}
    Supervisor(
        plan(known, layout), run=layout.run, status=layout.run / "status.json", environment=environment,
        plan=lambda: plan(state.load(home, name), layout),
    ).run()  # fmt: skip
    held.close()


def runs(layout: Layout) -> bool:
    """Whether the cluster has a living supervisor."""
    known = process.load(layout.run / "supervisor.json")
    return known is not None and known.alive


def hold_port(layout: Layout) -> socket.socket:
    """Bind the API port on loopback without listening: the kernel translates it, nobody else can take it.

    Without a bridge the API server itself listens there, and the cluster's own loopback address is held.

    Nor can a second supervisor, so that one that was started twice ends here.
    """
    held = socket.socket()
    held.bind(("127.0.0.1" if layout.real else layout.addresses.loopback, layout.api_port))
    return held


def plan(known: Known, layout: Layout) -> list[Component]:
    """Every process on the host, in the order of their start."""
    at = layout.addresses
    binary = {name: Path(path) for name, path in known.binaries.items()}

    def part(name: str, command: tuple[str, ...], needs: tuple[str, ...], port: tuple[str, int]) -> Component:
        return Component(
            name=name, command=command, log=layout.log(name), needs=needs, ready=lambda: _open(*port)
        )

    platform = (layout.run / "platform-ready").exists
    nodes = [layout.node(number) for number in known.running]
    return [
        part("etcd", components.etcd(layout, known.options, binary["etcd"]), (), (at.loopback, 2379)),
        Component(
            name="kube-apiserver", command=components.apiserver(layout, binary["kube-apiserver"]),
            log=layout.log("kube-apiserver"), needs=("etcd",), ready=lambda: api_ready(layout), patience=5,
        ),
        part("kube-controller-manager",
             components.controller_manager(layout, binary["kube-controller-manager"]),
             ("kube-apiserver",), (at.loopback, 10257)),
        part("kube-scheduler", components.scheduler(layout, binary["kube-scheduler"]),
             ("kube-apiserver",), (at.loopback, 10259)),
        *(part("registry", components.registry(layout), (), (at.bridge, 5000)) for _ in range(layout.real)),
        *(
            Component(
                name=node.name, command=components.node(node, node_key(node, binary)),
                log=layout.log(node.name),
                needs=("kube-apiserver",),
                started=lambda pid, node=node: network.attach(node, init_of(pid)),  # type: ignore[misc]
                patience=20, signalled=init_of,
            )
            for node in nodes
        ),
        *(_kwok(layout, binary["kwok"], platform) for _ in range(bool(known.simulated))),
        Component(name="storage", command=components.storage(layout), log=layout.log("storage"),
                  needs=("kube-apiserver",), gate=platform),
        Component(name="operator", command=components.operator(layout), log=layout.log("operator"),
                  needs=("kube-apiserver",), gate=platform, ready=lambda: _open(at.loopback, 9443),
                  # One name for every life of the one operator: it need not wait for its own Lease to end.
                  # Every environment that has namespaces of its own is served, so that none lies dead.
                  environment={"POD_NAME": f"havok-{known.name}", "LOGAN_ENV": "test,dev,auto"}),
    ]  # fmt: skip


def _kwok(layout: Layout, binary: Path, gate: Callable[[], bool]) -> Component:
    name = simulated.COMPONENT
    return Component(
        name=name, command=simulated.command(layout, binary), log=layout.log(name),
        needs=("kube-apiserver",), gate=gate, environment=simulated.environment(layout),
    )  # fmt: skip


def node_key(node: NodeLayout, binary: dict[str, Path]) -> str:
    """What a running node must have been started for: its commands and their files."""
    commands = "\n".join("\0".join(part.command) for part in node_components(node, binary))
    return hashlib.sha256(f"{commands}\n{files.node_digest(node)}".encode()).hexdigest()


def init_of(unshare_pid: int) -> int:
    """The pid, seen from the host, of the node's process 1: the only child of `unshare`."""
    import time

    from havok.localcluster.process import children

    for _ in range(250):
        if found := children(unshare_pid):
            return found[0]
        time.sleep(0.02)
    raise TimeoutError("unshare started no child within 5 s")


def api_ready(layout: Layout) -> bool:
    """Whether the API server answers `/readyz` with ok, asked with the admin certificate."""
    import http.client

    pki = layout.pki
    try:
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(str(pki / "admin.crt"), str(pki / "admin.key"))
        connection = http.client.HTTPSConnection(*layout.api_address, timeout=2, context=context)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False


def _open(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
