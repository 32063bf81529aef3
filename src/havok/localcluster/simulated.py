"""Simulated nodes: Node objects, and kwok, which plays the kubelet of each. No container ever runs there.

Pods are ready as soon as they are placed, so that schedulers, controllers and operators see a large cluster.
Beside real nodes a taint keeps apps away unless they ask for simulated ones; where every node is simulated
there is none. kwok has a certificate of its own, the rights of `rights`, and listens nowhere.
"""

from pathlib import Path
from typing import Any

from havok.errors import ConflictError, UsageError
from havok.localcluster import addons
from havok.localcluster.binaries.table import architecture
from havok.localcluster.kubectl import Kubectl
from havok.localcluster.layout import Layout
from havok.settings import Settings

LABEL = "havok.dev/simulated"
HOSTNAME = "kubernetes.io/hostname"
USER = "havok:kwok"
COMPONENT = "kwok"
MOST = 5000
FEW = 3
"""How many a cluster of simulated nodes alone gets when nobody says."""
LEASE_SECONDS = 120
"""kwok renews at a quarter of it; the controller manager gives a node up after 50 s without a renewal."""
POD_NETWORK = "198.18.0.0/15"
"""Kept by RFC 2544 for benchmarks: an address that no packet of ours is ever sent to."""
AT_ONCE = 500
LEASES = "kube-node-lease"


def check_count(count: int) -> None:
    """Raises UsageError `cluster.kwok.count`."""
    if not 0 <= count <= MOST:
        raise UsageError(
            "cluster.kwok.count",
            f"a cluster cannot have {count} simulated nodes",
            f"give a number from 0 to {MOST}",
            count=count, most=MOST,
        )  # fmt: skip


def no_real_nodes(name: str) -> ConflictError:
    return ConflictError(
        "cluster.simulated",
        f"cluster {name} was made with simulated nodes alone: it has no real node, registry or bridge",
        "make another cluster as root, with another --name; this one can only change --kwok-nodes",
        name=name,
    )


def command(layout: Layout, binary: Path) -> tuple[str, ...]:
    """kwok. Without a node port and a server address it opens no socket to listen."""
    return (
        str(binary),
        f"--kubeconfig={layout.kubeconfig('kwok')}",
        f"--config={layout.config / 'kwok-node.yaml'}",
        f"--config={layout.config / 'kwok-pod.yaml'}",
        f"--manage-nodes-with-label-selector={LABEL}=true",
        f"--node-lease-duration-seconds={LEASE_SECONDS}",
        f"--node-ip={layout.addresses.loopback}",
        f"--cidr={POD_NETWORK}",
        "--v=WARN",
    )


def environment(layout: Layout) -> dict[str, str]:
    """Its folder, so that it never reads a person's own settings of kwok."""
    return {"KWOK_WORKDIR": str(layout.config / "kwok")}


def node_name(number: int) -> str:
    return f"simulated-{number}"


def node(number: int, settings: Settings, *, tainted: bool) -> dict[str, Any]:
    """One Node object. The stages read its capacity from the annotations."""
    name = node_name(number)
    capacity = {
        "havok.dev/cpu": str(settings.get("cluster.kwok_cpu", int)),
        "havok.dev/memory": f"{settings.get('cluster.kwok_memory', int)}Gi",
        "havok.dev/pods": str(settings.get("cluster.kwok_pods", int)),
    }
    labels = {
        LABEL: "true", "type": "kwok", HOSTNAME: name,
        "kubernetes.io/os": "linux", "kubernetes.io/arch": architecture(),
    }  # fmt: skip
    taints = [{"key": LABEL, "value": "true", "effect": "NoSchedule"}] if tainted else []
    annotations = {"kwok.x-k8s.io/node": "fake", **capacity}
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {"taints": taints} if taints else {},
    }  # fmt: skip


def ensure(kubectl: Kubectl, count: int, settings: Settings, *, tainted: bool) -> None:
    """Exactly `count` simulated nodes exist: the first ones stay, those beyond it go with their pods."""
    there = _names(kubectl)
    wanted = {node_name(number): number for number in range(1, count + 1)}
    missing = [
        node(number, settings, tainted=tainted) for name, number in wanted.items() if name not in there
    ]
    for start in range(0, len(missing), AT_ONCE):
        kubectl.apply(missing[start : start + AT_ONCE])
    surplus = sorted(there - wanted.keys())
    for start in range(0, len(surplus), AT_ONCE):
        # one call for all of them; kubectl by itself makes one for each
        names = ",".join(surplus[start : start + AT_ONCE])
        kubectl.run("delete", "--raw", f"/api/v1/nodes?labelSelector={LABEL}%3Dtrue,{HOSTNAME}+in+({names})")


def ready(kubectl: Kubectl) -> tuple[int, int]:
    """How many are ready, of how many."""
    lines = kubectl.run("get", "nodes", f"--selector={LABEL}=true", "--no-headers").splitlines()
    return sum(line.split()[1].split(",")[0] == "Ready" for line in lines if line.strip()), len(lines)


def _names(kubectl: Kubectl) -> set[str]:
    listed = kubectl.run("get", "nodes", f"--selector={LABEL}=true", "--output=name")
    return {line.removeprefix("node/") for line in listed.split()}


def rights() -> list[addons.Object]:
    """What kwok may: look at nodes and pods, write their status, delete pods, keep Leases, tell events."""
    look = ["get", "list", "watch"]
    rules = [
        addons.rule("", ["nodes"], look),
        addons.rule("", ["pods"], [*look, "delete"]),
        addons.rule("", ["nodes/status", "pods/status"], ["patch", "update"]),
        addons.rule("", ["events"], ["create", "patch", "update"]),
    ]
    api = "rbac.authorization.k8s.io/v1"
    lease = addons.rule("coordination.k8s.io", ["leases"], [*look, "create", "patch", "update"])
    where = {"name": USER, "namespace": LEASES}
    role = {"kind": "Role", "name": USER, "apiGroup": "rbac.authorization.k8s.io"}
    return [
        {"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": USER}, "rules": rules},
        addons.binding(USER, USER, [addons.user(USER)]),
        {"apiVersion": api, "kind": "Role", "metadata": where, "rules": [lease]},
        {
            "apiVersion": api, "kind": "RoleBinding", "metadata": where,
            "roleRef": role, "subjects": [addons.user(USER)],
        },
    ]  # fmt: skip
