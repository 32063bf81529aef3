"""`havok status`: each component in words, asked now rather than remembered."""

import time
from pathlib import Path
from typing import Any

import msgspec

from havok.errors import HavokError
from havok.localcluster import addons, state, supervisor
from havok.localcluster.kubectl import Kubectl
from havok.localcluster.layout import Layout
from havok.localcluster.supervise import ComponentState, read_status
from havok.localcluster.supervisor import api_ready
from havok.settings import Settings


class ComponentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `state`: running, starting, restarting, waiting, stopped or degraded.

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
    rows += [_row(item, alive) for item in read_status(layout.run / "status.json")]
    for number in range(1, known.options.nodes + 1):
        node = layout.node(number)
        up = any(row.name == node.name and row.state == "running" for row in rows)
        rows += [
            _row(item, up, prefix=f"{node.name}/", in_node=True) for item in read_status(node.status)
        ]  # fmt: skip
    return rows + _inside(known, layout)


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
        for node in kubectl.get("nodes")["items"]:
            conditions = node["status"].get("conditions", [])
            ready: dict[str, Any] = next((c for c in conditions if c["type"] == "Ready"), {})
            good = ready.get("status") == "True"
            rows.append(ComponentStatus(
                name=f"node {node['metadata']['name']}", state="running" if good else "degraded",
                detail="" if good else str(ready.get("message", "")),
            ))  # fmt: skip
        for deployment in kubectl.get("deployments", namespace=addons.SYSTEM)["items"]:
            want = deployment["spec"].get("replicas", 1)
            have = deployment["status"].get("readyReplicas", 0)
            rows.append(ComponentStatus(
                name=deployment["metadata"]["name"], state="running" if have >= want else "degraded",
                detail="" if have >= want else f"{have}/{want}",
            ))  # fmt: skip
    except HavokError as error:
        rows.append(ComponentStatus(name="kubectl", state="degraded", detail=error.message))
    return rows
