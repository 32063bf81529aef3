"""Real nodes of a local cluster: how many, which run, and moving apps off one.

Each verb changes the record and lets `up` make it true, so that a verb that was cut off is finished by the
next `up`. Only draining talks to Kubernetes itself, by eviction, so that budgets for disruption hold.
"""

from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from havok.errors import ConflictError, HavokError, NotFoundError, UnhealthyError, UsageError
from havok.localcluster import departed, doctor, platform, simulated, state, supervisor
from havok.localcluster.components import Options
from havok.localcluster.kubectl import Kubectl
from havok.localcluster.layout import NODE_PREFIX
from havok.localcluster.up import ClusterInfo, Report, up
from havok.settings import Settings

MOST = 100
DRAIN_SECONDS = 120


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One real node. `state`: running, degraded (not Ready), starting (not known yet) or off."""

    name: str
    state: str
    schedulable: bool
    address: str
    pods: int
    pod_network: str
    detail: str = ""


def bring_up(
    name: str,
    count: int | None = None,
    *,
    settings: Settings,
    report: Report,
    options: Options | None = None,
    kwok: int | None = None,
) -> ClusterInfo:
    """`up` with this many real nodes: more are added, those of the highest numbers are drained and removed.

    Without a count a cluster keeps its nodes. Raises `cluster.nodes.count`, `cluster.memory.short`.
    """
    if kwok is not None:
        simulated.check_count(kwok)
    if not wants_real(name, count, settings=settings):
        return _bring_up_simulated(name, count, kwok, settings, report)
    if count is None:
        doctor.check_memory(_resting(name, settings))
        return up(name, settings=settings, report=report, options=options, kwok=kwok)
    _check_count(count)
    doctor.check_memory(count - _alive(name, settings))
    chosen = options or Options(durable=settings.get("cluster.durable", bool))
    info = up(
        name, settings=settings, report=report, change=partial(_grown, count=count),
        options=msgspec.structs.replace(chosen, nodes=count), kwok=kwok,
    )  # fmt: skip
    for number in _load(name, settings).numbers[count:]:
        info = remove(name, f"{NODE_PREFIX}{number}", settings=settings, report=report)
    return info


def wants_real(name: str, count: int | None, *, settings: Settings) -> bool:
    """Whether `bring_up` would make or keep a cluster with real nodes: that needs root and some packages."""
    try:
        return not _load(name, settings).options.simulated
    except NotFoundError:
        return platform.root() and count != 0


def _bring_up_simulated(
    name: str, count: int | None, kwok: int | None, settings: Settings, report: Report
) -> ClusterInfo:
    """Simulated nodes alone. Raises `cluster.root.needed` or `cluster.simulated` for any real one."""
    if count and not platform.root():
        raise state.needs_root()
    if count:
        raise simulated.no_real_nodes(name)
    try:
        _load(name, settings)
    except NotFoundError:
        kwok = simulated.FEW if kwok is None else kwok
    durable = settings.get("cluster.durable", bool)
    return up(
        name, settings=settings, report=report, kwok=kwok,
        options=Options(durable=durable, nodes=0, simulated=True),
    )  # fmt: skip


def listing(name: str, *, settings: Settings) -> list[NodeInfo]:
    """Every real node of a cluster. Raises `cluster.unknown`, `cluster.not.running`."""
    known = _load(name, settings)
    layout, kubectl = known.layout(_home(settings)), _kubectl(known, settings)
    seen = {node["metadata"]["name"]: node for node in kubectl.get("nodes")["items"]}
    rows = []
    for number in known.numbers:
        node = layout.node(number)
        found = seen.get(node.name, {})
        ready = _ready(found)
        state_ = "off" if number in known.stopped else ("starting" if not found else "degraded")
        rows.append(NodeInfo(
            name=node.name, state="running" if ready.get("status") == "True" else state_,
            schedulable=bool(found) and not found["spec"].get("unschedulable", False),
            address=node.address, pod_network=node.pods, pods=len(departed.pods_on(node.name, kubectl)),
            detail="" if state_ == "off" or ready.get("status") == "True" else str(ready.get("message", "")),
        ))  # fmt: skip
    return rows


def add(name: str, *, settings: Settings, report: Report) -> str:
    """One more node, of the lowest free number; its name."""
    known = _running(name, settings)
    _check_count(len(known.numbers) + 1)
    doctor.check_memory(1)
    before = set(known.numbers)
    up(name, settings=settings, report=report, change=partial(_grown, count=len(before) + 1))
    return f"{NODE_PREFIX}{min(set(_load(name, settings).numbers) - before)}"


def remove(name: str, node: str, *, settings: Settings, report: Report, force: bool = False) -> ClusterInfo:
    """Drain a node, take it away with its Node and its data. Volumes stay: any node mounts them."""
    known = _running(name, settings)
    number = _number(known, node)
    _check_not_last(known, number)
    if number in known.running:
        drain(name, node, settings=settings, force=force)
    return up(name, settings=settings, report=report, change=partial(_without, number=number))


def stop(name: str, node: str, *, settings: Settings, report: Report) -> ClusterInfo:
    """End everything of a node, as if its plug were pulled after a sync; it keeps its data."""
    known = _running(name, settings)
    number = _number(known, node)
    _check_not_last(known, number)
    return up(name, settings=settings, report=report, change=partial(_stopped, number=number))


def start(name: str, node: str, *, settings: Settings, report: Report) -> ClusterInfo:
    """Bring a stopped node back; one that was drained takes pods again."""
    known = _running(name, settings)
    number = _number(known, node)
    if number in known.stopped:
        doctor.check_memory(1)
    info = up(name, settings=settings, report=report, change=partial(_started, number=number))
    _kubectl(known, settings).run("uncordon", f"{NODE_PREFIX}{number}")
    return info


def drain(name: str, node: str, *, settings: Settings, force: bool = False) -> None:
    """Evict every pod of a node, and let no new one come. Raises ConflictError `cluster.node.drain`.

    `force` also ends pods that no controller would make again.
    """
    known = _running(name, settings)
    target = f"{NODE_PREFIX}{_number(known, node)}"
    flags = ["--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={DRAIN_SECONDS}s"]
    try:
        _kubectl(known, settings).run(
            "drain", target, *flags, *(["--force"] if force else []), timeout=DRAIN_SECONDS + 30
        )
    except HavokError as error:
        reason = str(error.context.get("reason", error.message))
        raise ConflictError(
            "cluster.node.drain",
            f"{target} was not drained: {reason}",
            f"wait or make room, then again; --force also ends pods that nothing makes again; "
            f"`havok node start {target}` lets new pods come back",
            node=target, reason=reason,
        ) from error  # fmt: skip


def _grown(known: state.Known, count: int) -> state.Known:
    """At least `count` nodes, the lowest free numbers first."""
    numbers = set(known.numbers)
    free = (number for number in range(1, MOST * 2 + 1) if number not in numbers)
    numbers.update(number for number, _ in zip(free, range(count - len(numbers)), strict=False))
    return msgspec.structs.replace(known, nodes=tuple(sorted(numbers)))


def _without(known: state.Known, number: int) -> state.Known:
    nodes = tuple(each for each in known.numbers if each != number)
    return msgspec.structs.replace(_started(known, number), nodes=nodes)


def _stopped(known: state.Known, number: int) -> state.Known:
    return msgspec.structs.replace(known, stopped=tuple(sorted({*known.stopped, number})))


def _started(known: state.Known, number: int) -> state.Known:
    return msgspec.structs.replace(known, stopped=tuple(each for each in known.stopped if each != number))


def _number(known: state.Known, node: str) -> int:
    """The number of ``node-2`` or ``2``. Raises NotFoundError `cluster.node.unknown`."""
    digits = node.removeprefix(NODE_PREFIX)
    if digits.isdecimal() and int(digits) in known.numbers:
        return int(digits)
    names = ", ".join(f"{NODE_PREFIX}{number}" for number in known.numbers)
    raise NotFoundError(
        "cluster.node.unknown", f"cluster {known.name} has no real node called {node}",
        f"it has {names}", name=known.name, node=node, names=names,
    )  # fmt: skip


def _check_not_last(known: state.Known, number: int) -> None:
    if known.running == (number,):
        raise ConflictError(
            "cluster.node.last",
            f"{NODE_PREFIX}{number} is the only node of cluster {known.name} that runs",
            f"`havok down --name {known.name}` stops the cluster; `havok node add` makes another node first",
            node=f"{NODE_PREFIX}{number}", name=known.name,
        )  # fmt: skip


def _check_count(count: int) -> None:
    if not 1 <= count <= MOST:
        raise UsageError(
            "cluster.nodes.count", f"a cluster has 1 to {MOST} real nodes, not {count}",
            f"give --nodes a number from 1 to {MOST}", count=count, most=MOST,
        )  # fmt: skip


def _running(name: str, settings: Settings) -> state.Known:
    """The record of a cluster that runs. Raises UnhealthyError `cluster.not.running`."""
    known = _load(name, settings)
    if known.options.simulated:
        raise simulated.no_real_nodes(name)
    layout = known.layout(_home(settings))
    if not supervisor.runs(layout) or not supervisor.api_ready(layout):
        raise UnhealthyError(
            "cluster.not.running", f"cluster {name} is not running",
            f"bring it up first: `havok up --name {name}`", name=name,
        )  # fmt: skip
    return known


def _alive(name: str, settings: Settings) -> int:
    """How many nodes run already; the memory that they have needs not be free."""
    try:
        known = _load(name, settings)
    except NotFoundError:
        return 0
    return len(known.running) if supervisor.runs(known.layout(_home(settings))) else 0


def _resting(name: str, settings: Settings) -> int:
    """How many nodes a cluster that is down would start, when it has several."""
    try:
        known = _load(name, settings)
    except HavokError:
        return 0
    several = len(known.running) if len(known.running) > 1 else 0
    return 0 if supervisor.runs(known.layout(_home(settings))) else several


def _ready(node: dict[str, Any]) -> dict[str, Any]:
    conditions = node.get("status", {}).get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == "Ready"), {})


def _kubectl(known: state.Known, settings: Settings) -> Kubectl:
    _running(known.name, settings)
    return Kubectl(Path(known.binaries["kubectl"]), known.layout(_home(settings)).kubeconfig())


def _load(name: str, settings: Settings) -> state.Known:
    return state.load(_home(settings), name)


def _home(settings: Settings) -> Path:
    return Path(settings.get("cluster.home", str))
