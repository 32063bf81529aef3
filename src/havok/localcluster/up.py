"""`havok up`: from nothing, or from whatever is left, to a cluster that works.

Every step is a state to reach, not an action to repeat: what is there already costs only the look at it. So
the same code makes a cluster, heals a damaged one and finds nothing to do on a healthy one. State that people
made (deployed apps, volumes, pushed images) is never touched.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from havok import __version__
from havok.clock import parse_rfc3339, utcnow
from havok.errors import HavokError, NotFoundError, TimedOutError
from havok.localcluster import (
    addons,
    binaries,
    cgroups,
    components,
    departed,
    doctor,
    files,
    images,
    network,
    pki,
    platform,
    process,
    simulated,
    state,
    supervisor,
)  # fmt: skip
from havok.localcluster.kubectl import Kubectl
from havok.localcluster.layout import MARK, NODE_PREFIX, REGISTRY_HOST, Layout, NodeLayout
from havok.localcluster.supervise import read_status
from havok.localcluster.supervisor import api_ready, plan
from havok.settings import Settings

CONTROL_PLANE = ("etcd", "kube-apiserver", "kubectl", "kube-controller-manager", "kube-scheduler")
NODE = ("kubelet", "kube-proxy", "pause", "coredns", "metrics-server")


SIMULATED_STAGES = {"network": "certificates", "addons": "objects", "node": "nodes", "platform": "operator"}
PATIENCE = 180.0
"""Seconds for each part to be ready: seconds on an idle machine, minutes on one that is starved of CPU."""


class Stage(msgspec.Struct, frozen=True):
    """One step of `up` or `down` has begun: the text `cluster.stage.<key>`. Seconds since the start."""

    key: str
    elapsed: float
    values: dict[str, object] = {}


class ClusterInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What `up` leaves: where everything is reached."""

    name: str
    context: str
    api_url: str
    kubeconfig: str
    registry: str
    registry_address: str
    created: bool
    seconds: float
    parts: dict[str, float]
    simulated: bool = False


Report = Callable[[Stage | binaries.Fact], None]


class Bringing:
    """One run of `up`: carries the layout and the clock from step to step."""

    def __init__(self, home: Path, name: str, settings: Settings, report: Report) -> None:
        self.home = home
        self.name = name
        self.settings = settings
        self._report = report
        self.real = True
        self._start = time.monotonic()
        self._parts: dict[str, float] = {}
        self._current = ("", self._start)

    def stage(self, key: str, **values: object) -> None:
        """Tell that a step begins, and keep how long the last one took."""
        now = time.monotonic()
        key = key if self.real else SIMULATED_STAGES.get(key, key)
        self._close(now)
        self._current = (key, now)
        self._report(Stage(key, now - self._start, values))

    def report(self, fact: binaries.Fact) -> None:
        self._report(fact)

    def parts(self) -> dict[str, float]:
        self._close(time.monotonic())
        return {key: round(seconds, 2) for key, seconds in self._parts.items()}

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def _close(self, now: float) -> None:
        key, began = self._current
        if key:
            self._parts[key] = self._parts.get(key, 0.0) + now - began


Change = Callable[[state.Known], state.Known]


def up(
    name: str = "default",
    *,
    settings: Settings,
    report: Report,
    options: components.Options | None = None,
    change: Change = lambda known: known,
    kwok: int | None = None,
) -> ClusterInfo:
    """Bring the cluster up. Raises HavokError with the step's own code; run again, it goes on from there.

    `options` are of a new cluster; `change` is made to the record of one that exists, before anything else.
    `kwok`: how many simulated nodes; None leaves them as they are.
    """
    platform.check()
    home = Path(settings.get("cluster.home", str))
    bringing = Bringing(home, name, settings, report)
    bringing.stage("check")
    bringing.real = _real(home, name, options)
    doctor.check_requirements(home, packages=bringing.real)
    known, created = _record(bringing, options)
    with _one_at_a_time(known.layout(home)):
        known = change(state.load(home, name))
        known = known if kwok is None else msgspec.structs.replace(known, simulated=kwok)
        state.save(home, known)
        bringing.stage("binaries")
        known = _binaries(bringing, known)
        layout = known.layout(home)
        _prepare(bringing, known, layout)
        bringing.stage("control-plane")
        _supervisor(known, layout)
        _wait(lambda: api_ready(layout), PATIENCE, "the API server", layout.log("kube-apiserver"))
        kubectl = Kubectl(Path(known.binaries["kubectl"]), layout.kubeconfig())
        bringing.stage("addons")
        _apply(layout, kubectl, len(known.running))
        bringing.stage("node")
        simulated.ensure(kubectl, known.simulated, settings, tainted=bool(known.numbers))
        departed.settle(known, layout, kubectl)
        _wait_for_nodes(known, layout, kubectl)
        bringing.stage("platform")
        _wait_for_platform(known, layout, kubectl)
    return ClusterInfo(
        name=name, context=layout.context, api_url=layout.api_url, kubeconfig=str(layout.kubeconfig()),
        registry=REGISTRY_HOST, registry_address=layout.addresses.registry, created=created,
        seconds=round(bringing.seconds, 2), parts=bringing.parts(), simulated=not layout.real,
    )  # fmt: skip


def _real(home: Path, name: str, options: components.Options | None) -> bool:
    """Whether it has, or will have, real nodes."""
    with contextlib.suppress(NotFoundError):
        return not state.load(home, name).options.simulated
    return options is None or not options.simulated


def _record(bringing: Bringing, options: components.Options | None) -> tuple[state.Known, bool]:
    wanted_port = bringing.settings.get("cluster.api_port", int)
    try:
        known = state.load(bringing.home, bringing.name)
    except NotFoundError:
        options = options or components.Options(durable=bringing.settings.get("cluster.durable", bool))
        return state.create(bringing.home, bringing.name, api_port=wanted_port, options=options), True
    if wanted_port and wanted_port != known.api_port:
        raise HavokError(
            "cluster.port.fixed",
            f"cluster {known.name} was made with API port {known.api_port}; it cannot move to {wanted_port}",
            "leave the port out, or make another cluster with --name",
            name=known.name, port=known.api_port, wanted=wanted_port,
        )  # fmt: skip
    if not supervisor.runs(known.layout(bringing.home)):
        state.check_port(known.api_port, known.name)
    return known, False


def _binaries(bringing: Bringing, known: state.Known) -> state.Known:
    wanted = [*CONTROL_PLANE, *([] if known.options.simulated else NODE)]
    wanted += ["kwok"] if known.simulated else []
    found = asyncio.run(binaries.ensure(wanted, settings=bringing.settings, progress=bringing.report))
    paths = {name: str(path) for name, path in found.items()}
    if paths != known.binaries:
        known = msgspec.structs.replace(known, binaries=paths)
        state.save(bringing.home, known)
    return known


def _prepare(bringing: Bringing, known: state.Known, layout: Layout) -> None:
    bringing.stage("network")
    nodes = known.running
    for folder in (layout.logs, layout.images, layout.volumes, layout.etcd):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    layout.volumes.chmod(0o711)
    pki.ensure(layout, nodes, utcnow())
    files.write(layout, known.password)
    if not layout.real:
        return
    network.ensure(layout)
    for number in nodes:
        files.write_node(layout.node(number), known.password)
        cgroups.ensure(layout.node(number).cgroup)
        _cable(layout.node(number))
    bringing.stage("images")
    images.system_images(layout, {name: Path(path) for name, path in known.binaries.items()})


def _cable(node: NodeLayout) -> None:
    """Plug a running node in again. One whose cable is gone ends; its supervisor starts it with a new one."""
    running = process.load(node.cluster.run / f"{node.name}.json")
    if running is not None and running.alive and not network.plug(node):
        process.end(running, patience=0)


def _supervisor(known: state.Known, layout: Layout) -> None:
    """Start the supervisor unless the running one was started for the same plan, its nodes apart."""
    layout.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = layout.run / "supervisor.json"
    key = _plan_key(known, layout)
    running = process.load(file)
    if running is not None and running.alive:
        if running.command == key:
            os.kill(running.pid, signal.SIGHUP)
            _wait(lambda: _knows_nodes(known, layout), PATIENCE, "the supervisor", layout.log("supervisor"))
            return
        process.end(running, patience=60)
    command = [*components.python("havok.localcluster.supervisor"), str(layout.home), layout.name, key]
    environment = {**_clean_environment(), MARK: layout.mark}
    log = layout.log("supervisor")
    process.spawn(command, log=log, environment=environment)
    _wait(lambda: supervisor.runs(layout), PATIENCE, "the supervisor", log)


def _knows_nodes(known: state.Known, layout: Layout) -> bool:
    """Whether the supervisor runs the nodes of the record, and no others."""
    names = {item.name for item in read_status(layout.run / "status.json")}
    wanted = {layout.node(number).name for number in known.running}
    wanted |= {simulated.COMPONENT} if known.simulated else set()
    return {name for name in names if _followed(name)} == wanted


def _followed(name: str) -> bool:
    return name == simulated.COMPONENT or name.startswith(NODE_PREFIX)


def _plan_key(known: state.Known, layout: Layout) -> str:
    """What a running supervisor must have been started for: our version, its commands, their files.

    Nodes, real and simulated, are left out: it follows them without a new start.
    """
    parts = [part for part in plan(known, layout) if not _followed(part.name)]
    commands = "\n".join("\0".join(part.command) for part in parts)
    whole = f"{__version__}\n{commands}\n{files.digest(layout)}"
    return hashlib.sha256(whole.encode()).hexdigest()


def _clean_environment() -> dict[str, str]:
    """Daemons must not depend on the terminal that started them, nor on the person's kubeconfig."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
            "http_proxy", "https_proxy", "no_proxy")  # fmt: skip
    return {name: os.environ[name] for name in keep if name in os.environ}


def _apply(layout: Layout, kubectl: Kubectl, nodes: int) -> None:
    outside = bool(files.resolv_conf([_read("/etc/resolv.conf"), _read("/run/systemd/resolve/resolv.conf")]))
    objects = addons.everything(
        layout, coredns=binaries.COREDNS, metrics_server=binaries.METRICS_SERVER, outside_dns=outside,
        nodes=nodes,
    )  # fmt: skip
    if not layout.real:
        objects = addons.storage()
    kubectl.apply([*addons.platform(), *objects, *simulated.rights()])
    (layout.run / "platform-ready").touch()


def _read(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text()
    return ""


def _wait_for_nodes(known: state.Known, layout: Layout, kubectl: Kubectl) -> None:
    for number in known.running:
        node = layout.node(number)
        log = node.root / "logs" / "kubelet.log"
        _wait(partial(_node_ready, node, kubectl), PATIENCE, node.name, log)
    _wait(
        lambda: simulated.ready(kubectl) == (known.simulated, known.simulated),
        PATIENCE, "the simulated nodes", layout.log(simulated.COMPONENT),
    )  # fmt: skip


def _node_ready(node: NodeLayout, kubectl: Kubectl) -> bool:
    """Ready by a word of this life: after `down` the API server has what the node said in its last one."""
    running = process.load(node.cluster.run / f"{node.name}.json")
    if running is None or not running.alive or not kubectl.condition("node", node.name, "Ready"):
        return False
    conditions = kubectl.get("node", node.name)["status"]["conditions"]
    said = next(parse_rfc3339(each["lastHeartbeatTime"]) for each in conditions if each["type"] == "Ready")
    return (utcnow() - said).total_seconds() <= running.age + 1  # heartbeats are told in whole seconds


def _wait_for_platform(known: state.Known, layout: Layout, kubectl: Kubectl) -> None:
    """What an app needs; metrics-server is not waited for, it takes two scrapes (20 s) to be ready."""
    if layout.real:
        _wait_for_dns(known, layout, kubectl)
    _wait(
        lambda: component_state(layout, "operator") == "running",
        PATIENCE,
        "the operator",
        layout.log("operator"),
    )


def _wait_for_dns(known: state.Known, layout: Layout, kubectl: Kubectl) -> None:
    _wait(
        partial(kubectl.condition, "deployment", "coredns", "Available", namespace=addons.SYSTEM),
        PATIENCE, "coredns", layout.node(known.running[0]).root / "logs" / "kubelet.log",
    )  # fmt: skip
    _wait(
        lambda: component_state(layout, "operator") == "running",
        PATIENCE,
        "the operator",
        layout.log("operator"),
    )


def component_state(layout: Layout, name: str) -> str:
    for item in read_status(layout.run / "status.json"):
        if item.name == name:
            return item.state
    return "stopped"


def _wait(holds: Callable[[], bool], seconds: float, what: str, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimedOutError(
                "cluster.not.ready",
                f"{what} was not ready within {seconds:.0f} s",
                f"see {log}; `havok status` tells the others, and `havok up` goes on from here",
                what=what, seconds=int(seconds), log=str(log),
            )  # fmt: skip
        time.sleep(0.1)


@contextlib.contextmanager
def _one_at_a_time(layout: Layout) -> Iterator[None]:
    layout.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (layout.root / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
