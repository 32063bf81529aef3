"""Nodes that are not to run: what is left of them goes, and the API server is told.

Level-triggered as all of `up`: it looks at what exists beside the record, so a crash half-way costs nothing.
A stopped node keeps its data and its Node; a removed one keeps nothing. Volumes belong to no node and stay.
"""

import json
import shutil
from collections import defaultdict
from typing import Any

from havok.clock import utcnow
from havok.localcluster import cgroups, network, process, state
from havok.localcluster.kubectl import Kubectl
from havok.localcluster.layout import Layout, NodeLayout

REASON = "NodeStopped"


def settle(known: state.Known, layout: Layout, kubectl: Kubectl) -> None:
    """End and account for every node that has a folder but is not to run."""
    for node in layout.made_nodes():
        if node.number in known.running:
            continue
        _end(node)
        if node.number in known.stopped:
            _tell(node, kubectl)
        else:
            _forget(node, kubectl)


def pods_on(node: str, kubectl: Kubectl) -> list[dict[str, Any]]:
    """Every pod that is bound to a node."""
    found = kubectl.run("get", "pods", "-A", f"--field-selector=spec.nodeName={node}", "-o", "json")
    return list(json.loads(found)["items"])


def _end(node: NodeLayout) -> None:
    """The supervisor has ended it; one that a killed supervisor left behind ends here."""
    running = process.load(node.cluster.run / f"{node.name}.json")
    if running is not None and running.alive:
        process.end(running, patience=0)
    network.unplug(node)
    cgroups.remove(node.cgroup)


def _tell(node: NodeLayout, kubectl: Kubectl) -> None:
    """Say at once what Kubernetes would find out in 50 s: the node is away, its pods serve nobody."""
    found = json.loads(kubectl.run("get", "nodes", "--ignore-not-found", "-o", "json", node.name) or "{}")
    ready = [c for c in found.get("status", {}).get("conditions", []) if c["type"] == "Ready"]
    if not found or any(condition.get("reason") == REASON for condition in ready):
        return
    message = "stopped; `havok node start` brings it back"
    _condition(kubectl, "node", [node.name], {"status": "Unknown", "reason": REASON, "message": message})
    away = defaultdict(list)
    for pod in pods_on(node.name, kubectl):
        away[pod["metadata"]["namespace"]].append(pod["metadata"]["name"])
    for namespace, names in away.items():
        _condition(kubectl, "pod", names, {"status": "False", "reason": REASON}, f"--namespace={namespace}")


def _condition(kubectl: Kubectl, kind: str, names: list[str], ready: dict[str, str], *flags: str) -> None:
    now = utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"type": "Ready", "lastTransitionTime": now, **ready}
    patch = json.dumps({"status": {"conditions": [condition]}})
    kubectl.run("patch", kind, *names, *flags, "--subresource=status", "--type=strategic", f"--patch={patch}")


def _forget(node: NodeLayout, kubectl: Kubectl) -> None:
    """Its pods cannot end any more, for their kubelet is gone: they are taken from the API as they are."""
    kubectl.run("delete", "node", node.name, "--ignore-not-found")
    kubectl.run(
        "delete", "pods", "-A", f"--field-selector=spec.nodeName={node.name}", "--force", "--grace-period=0"
    )
    for file in (node.cluster.pki / f"{node.name}.crt", node.cluster.pki / f"{node.name}.key"):
        file.unlink(missing_ok=True)
    shutil.rmtree(node.root)
