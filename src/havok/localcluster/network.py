"""The cluster's network on the host: one bridge, a cable to each node, and four rule chains of our own.

Idempotent: `ensure` brings everything to its state, `remove` takes all of it away; nothing that is not
named after the cluster's index is touched. Inside a node its init sets up its own side.

The API server listens on the bridge only. People reach it on 127.0.0.1 by address translation in the kernel,
which needs no process that could die; our supervisor holds the loopback port so that nobody else gets it.
"""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path

from havok.errors import HavokError
from havok.localcluster.command import run, succeeds
from havok.localcluster.layout import Layout, NodeLayout

BRIDGES = "hvk-br+"
"""Every cluster's bridge, in iptables' words: what leaves one cluster never enters another."""
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def ensure(layout: Layout) -> None:
    """Bridge, forwarding and rules as they should be, whatever they were."""
    at = layout.addresses
    if not succeeds(["ip", "link", "show", at.bridge_name]):
        run(["ip", "link", "add", at.bridge_name, "type", "bridge"])
    run(["ip", "address", "replace", f"{at.bridge}/24", "dev", at.bridge_name])
    run(["ip", "link", "set", at.bridge_name, "up"])
    if FORWARDING.read_text().strip() != "1":
        (layout.root / "ip-forward-was-off").touch()
        FORWARDING.write_text("1")
    with _rules_lock():
        run(["iptables-restore", "--noflush", "--wait", "10"], stdin=rules(layout))
        for table, hook, chain in hooks(layout.index):
            if not succeeds(["iptables", "-w", "10", "-t", table, "-C", hook, "-j", chain]):
                run(["iptables", "-w", "10", "-t", table, "-I", hook, "1", "-j", chain])


def rules(layout: Layout) -> str:
    """Our chains in iptables-restore form; declaring a chain there empties it first."""
    at = layout.addresses
    out, post, into, forward = (chain for _, _, chain in hooks(layout.index))
    inside = (at.node_network, at.pod_network, at.service_network)
    stay = "".join(f"-A {post} -d {network} -j RETURN\n" for network in inside)
    leave = "".join(f"-A {post} -s {network} -j MASQUERADE\n" for network in inside[:2])
    return (
        f"*nat\n:{out} - [0:0]\n:{post} - [0:0]\n"
        f"-A {out} -d 127.0.0.1/32 -p tcp -m tcp --dport {layout.api_port} "
        f"-j DNAT --to-destination {at.bridge}:6443\n"
        f"{stay}{leave}COMMIT\n"
        f"*filter\n:{into} - [0:0]\n:{forward} - [0:0]\n"
        f"-A {into} -d {at.node_network} -i lo -j RETURN\n"
        f"-A {into} -d {at.node_network} -i {at.bridge_name} -j ACCEPT\n"
        f"-A {into} -d {at.node_network} -j DROP\n"
        f"-A {forward} -i {at.bridge_name} -o {at.bridge_name} -j ACCEPT\n"
        f"-A {forward} -o {at.bridge_name} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
        f"-A {forward} -o {at.bridge_name} -j DROP\n"
        f"-A {forward} -i {at.bridge_name} -o {BRIDGES} -j DROP\n"
        f"-A {forward} -i {at.bridge_name} -j ACCEPT\nCOMMIT\n"
    )


def hooks(index: int) -> list[tuple[str, str, str]]:
    """(table, built-in chain, our chain) for each of our chains."""
    return [
        ("nat", "OUTPUT", f"HAVOK-{index}-OUT"),
        ("nat", "POSTROUTING", f"HAVOK-{index}-POST"),
        ("filter", "INPUT", f"HAVOK-{index}-IN"),
        ("filter", "FORWARD", f"HAVOK-{index}-FWD"),
    ]


def attach(node: NodeLayout, pid: int) -> None:
    """Lay the cable from the bridge into the network namespace of process `pid` (the node's init)."""
    if succeeds(["ip", "link", "show", node.host_link]):
        run(["ip", "link", "delete", node.host_link])
    run([
        "ip", "link", "add", node.host_link, "type", "veth",
        "peer", "name", "uplink", "address", node.hardware_address, "netns", str(pid),
    ])  # fmt: skip
    plug(node)


def plug(node: NodeLayout) -> bool:
    """Put the host's end of a node's cable on the bridge, and routes to its pods. False: it has none."""
    at = node.cluster.addresses
    if not succeeds(["ip", "link", "show", node.host_link]):
        return False
    run(["ip", "link", "set", node.host_link, "master", at.bridge_name, "up"])
    for target in (node.pods, at.service_network):
        run(["ip", "route", "replace", *_way(node, target)])
    return True


def unplug(node: NodeLayout) -> None:
    """Take away the cable of a node that has ended, and the routes to it."""
    succeeds(["ip", "link", "delete", node.host_link])
    for target in (node.pods, node.cluster.addresses.service_network):
        succeeds(["ip", "route", "delete", *_way(node, target)])


def _way(node: NodeLayout, target: str) -> list[str]:
    """Every node leads to Services; the one of the lowest number is taken while it is there."""
    bridge = node.cluster.addresses.bridge_name
    return [target, "via", node.address, "dev", bridge, "onlink", "metric", str(node.number)]


def remove(layout: Layout, *, last: bool) -> None:
    """Take away bridge, cables, routes and rules. `last`: no other cluster needs forwarding any more."""
    with _rules_lock():
        for table, hook, chain in hooks(layout.index):
            while succeeds(["iptables", "-w", "10", "-t", table, "-D", hook, "-j", chain]):
                pass
            for action in ("-F", "-X"):
                succeeds(["iptables", "-w", "10", "-t", table, action, chain])
    for link in _links(layout):
        succeeds(["ip", "link", "delete", link])
    was_off = layout.root / "ip-forward-was-off"
    if was_off.exists():
        if last:
            FORWARDING.write_text("0")
        was_off.unlink()


def leftovers(layout: Layout) -> list[str]:
    """What `remove` would still find, in words."""
    found = [f"interface {link}" for link in _links(layout)]
    for table in ("nat", "filter"):
        listing = run(["iptables", "-w", "10", "-t", table, "-S"])
        found += [f"rule {line}" for line in listing.splitlines() if f"HAVOK-{layout.index}-" in line]
    return found


def taken_by_others(layout: Layout, *, made: bool = True) -> str | None:
    """A route of this machine that overlaps the cluster's networks and is not ours, in words.

    `made`: the cluster exists, so that a bridge with its index is its own; else it is one of another home.
    """
    import ipaddress

    at = layout.addresses
    ours = [ipaddress.ip_network(text) for text in (at.node_network, at.pod_network, at.service_network)]
    for route in json.loads(run(["ip", "-j", "-4", "route", "show", "table", "main"]) or "[]"):
        if route.get("dst") == "default" or (made and route.get("dev") == at.bridge_name):
            continue
        with contextlib.suppress(ValueError):
            network = ipaddress.ip_network(route["dst"], strict=False)
            if any(network.overlaps(own) for own in ours):
                return f"{route['dst']} on {route.get('dev', '?')}"
    return None


def _links(layout: Layout) -> list[str]:
    mine = (layout.addresses.bridge_name, f"hvk{layout.index}n")
    try:
        names = [entry["ifname"] for entry in json.loads(run(["ip", "-j", "link", "show"]) or "[]")]
    except HavokError:
        return []
    return [name for name in names if name == mine[0] or name.startswith(mine[1])]


@contextlib.contextmanager
def _rules_lock() -> Iterator[None]:
    """Two clusters coming up at once must not interleave their check-then-insert."""
    folder = Path("/run/havok")
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "iptables.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
