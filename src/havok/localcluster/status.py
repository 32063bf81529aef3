"""`havok status`: each component in words, asked now rather than remembered."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from havok.clock import parse_rfc3339, utcnow
from havok.errors import HavokError
from havok.localcluster import addons, process, simulated, state, supervisor
from havok.localcluster.kubectl import Kubectl
from havok.localcluster.layout import Layout
from havok.localcluster.supervise import ComponentState, read_status
from havok.localcluster.supervisor import api_ready
from havok.settings import Settings

STARTING_SECONDS = 60


class ComponentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `state`: running, starting, restarting, waiting, stopped, degraded, off (on purpose),
    or simulated (nodes that kwok plays).

    `pid` is the host's, 0 where there is none to tell; `since` is seconds in this state; `detail` says why.
    """

    name: str
    state: str
    pid: int = 0
    restarts: int = 0
    since: int = 0
    detail: str = ""


def status(name: str, *, settings: Settings) -> list[ComponentStatus]:
    """Every component of a cluster. Raises NotFoundError `cluster.unknown`."""
    home = Path(settings.get("cluster.home", str))
    known = state.load(home, name)
    layout = known.layout(home)
    alive = supervisor.runs(layout)
    rows = [ComponentStatus(name="supervisor", state="running" if alive else "stopped")]
    for item in read_status(layout.run / "status.json"):
        rows.append(_row(item, alive or _lives(layout, item.name)))
    for number in known.numbers:
        node = layout.node(number)
        if number in known.stopped:
            rows.append(ComponentStatus(name=node.name, state="off"))
            continue
        up = any(row.name == node.name and row.state == "running" for row in rows)
        rows += [
            _row(item, up, prefix=f"{node.name}/", in_node=True) for item in read_status(node.status)
        ]  # fmt: skip
    return rows + _inside(known, layout)


def _lives(layout: Layout, component: str) -> bool:
    """Whether a component outlived the supervisor that started it."""
    known = process.load(layout.run / f"{component}.json")
    return known is not None and known.alive


def _row(item: ComponentState, alive: bool, *, prefix: str = "", in_node: bool = False) -> ComponentStatus:
    return ComponentStatus(
        name=prefix + item.name,
        state=item.state if alive else "stopped",
        pid=0 if in_node or not alive else item.pid,
        restarts=item.restarts,
        since=max(0, int(time.time() - item.since)),
        detail=item.last_exit,
    )


def _inside(known: state.Known, layout: Layout) -> list[ComponentStatus]:
    """What only the API server can tell: nodes, DNS, metrics."""
    if not api_ready(layout) or "kubectl" not in known.binaries:
        return []
    kubectl = Kubectl(Path(known.binaries["kubectl"]), layout.kubeconfig())
    rows = []
    try:
        off = {layout.node(number).name for number in known.stopped}
        for node in kubectl.get("nodes")["items"]:
            if node["metadata"]["name"] in off or simulated.LABEL in node["metadata"].get("labels", {}):
                continue
            conditions = node["status"].get("conditions", [])
            ready: dict[str, Any] = next((c for c in conditions if c["type"] == "Ready"), {})
            good = ready.get("status") == "True"
            rows.append(ComponentStatus(
                name=f"node {node['metadata']['name']}", state="running" if good else "degraded",
                detail="" if good else str(ready.get("message", "")),
            ))  # fmt: skip
        if known.simulated:
            rows.append(_simulated(known.simulated, simulated.ready(kubectl)[0]))
        for deployment in kubectl.get("deployments", namespace=addons.SYSTEM)["items"]:
            rows.append(_deployment(deployment, utcnow()))
    except HavokError as error:
        rows.append(ComponentStatus(name="kubectl", state="degraded", detail=error.message))
    return rows


def _simulated(want: int, have: int) -> ComponentStatus:
    state = "simulated" if have >= want else "degraded"
    return ComponentStatus(name="simulated nodes", state=state, detail=f"{have}/{want}")


def _deployment(deployment: dict[str, Any], now: datetime) -> ComponentStatus:
    """A part that is not ready is starting for a while, metrics-server for two scrapes, then degraded."""
    status = deployment.get("status", {})
    want, have = deployment["spec"].get("replicas", 1), status.get("readyReplicas", 0)
    name = deployment["metadata"]["name"]
    if have >= want:
        return ComponentStatus(name=name, state="running")
    changes = [c["lastTransitionTime"] for c in status.get("conditions", []) if c["type"] == "Available"]
    since = parse_rfc3339(changes[0] if changes else deployment["metadata"]["creationTimestamp"])
    fresh = (now - since).total_seconds() < STARTING_SECONDS
    return ComponentStatus(name=name, state="starting" if fresh else "degraded", detail=f"{have}/{want}")
