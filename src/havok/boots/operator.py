"""The operator's process: caches, webhook and health always, reconciling while it leads.

`serve` is what ``havok serve operator`` runs. Every candidate keeps its caches warm and answers admission;
only the holder of the Lease writes. SIGTERM and SIGINT end it within a few seconds, the Lease given back.
"""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

from havok.boots.admission import Admission
from havok.boots.central import Central, text_at_start
from havok.boots.config import KEY
from havok.boots.health import HealthServer
from havok.boots.journal import Journal
from havok.boots.live import Autoscaler, Ingress, Workload
from havok.boots.metrics import BootInfo, Metrics
from havok.boots.metrics_service import publish
from havok.boots.observed import Pod
from havok.boots.observed import Workload as ReplicaSet
from havok.boots.options import OperatorOptions
from havok.boots.reconcile import Operator, reconcile
from havok.boots.world import World
from havok.clock import utcnow
from havok.crds import BOOT_KINDS, Boot, BootKind, BootRevision
from havok.kube import Client, KubeError, Limits, load_access
from havok.kube.cache import Cache
from havok.kube.controller import Controller, Request, Result, owners
from havok.kube.events import EventRecorder
from havok.kube.lease import LeaderElection
from havok.kube.resources import CONFIGMAPS
from havok.kube.views import ConfigMap, Event, ObjectReference, Service
from havok.kube.workqueue import FOLLOWING
from havok.log import get_logger

Owned: TypeAlias = Workload | Service | Autoscaler | Ingress
Labelled: TypeAlias = BootRevision | Pod | ReplicaSet

CONFIG_RETRY = 5.0
"""Seconds until a config that could not be stored is offered again."""

LIMITS = Limits(qps=500, burst=1000)
"""A Boot's change takes about ten requests. The API server shares itself out by priority and fairness; this
only keeps a defect of ours from becoming a flood."""

log = get_logger("boots.operator")


async def serve(options: OperatorOptions) -> None:
    """Run until SIGTERM or SIGINT.

    Raises HavokError: no access to a cluster, `boots.config.file`, a port taken, or a failure that
    trying again cannot mend.
    """
    stop = asyncio.Event()
    access = load_access(options.kubeconfig, options.context)
    async with _on_signals(stop), Client(access, user_agent="havok-operator", limits=LIMITS) as client:
        await run(options, client, stop)


async def run(options: OperatorOptions, client: Client, stop: asyncio.Event) -> None:
    """Run with an open client until `stop` is set; what tests and other processes call."""
    world, metrics = World(client, options.watch_namespaces), Metrics()
    metrics.registry.register(BootInfo(world.names))
    processes = [_Process(one, client, world, metrics) for one in options.by_environment()]

    def not_ready() -> str:
        if not world.has_synced:
            return "the caches are not complete yet"
        return next(filter(None, (process.not_ready() for process in processes)), "")

    try:
        async with asyncio.TaskGroup() as group:
            for process in processes:
                await process.start(group)
            for cache in world.caches:
                group.create_task(cache.run(), name=f"cache {cache.resource}")
            health = HealthServer(options.host, options.metrics_port, metrics.registry, not_ready)
            group.create_task(health.run(), name="health")
            await stop.wait()
            raise _Stopped
    except* _Stopped:
        log.info("stopped")
    except* Exception as failures:
        raise _first(failures) from failures


class _Stopped(Exception):  # noqa: N818  the normal end
    """Somebody asked us to end."""


class _Process:
    """The parts that serve one environment, and what ties them together; the world is shared."""

    def __init__(self, options: OperatorOptions, client: Client, world: World, metrics: Metrics) -> None:
        self._options = options
        self._client = client
        self._metrics = metrics
        self._world = world
        self._central = Central(client, options.namespace, options.environment)
        self._identity = options.identity or f"{socket.gethostname()}_{os.getpid()}"
        self._config: Cache[ConfigMap] = Cache(
            client, CONFIGMAPS, view=ConfigMap, namespace=options.namespace,
            fields=f"metadata.name={options.config_map}",
        )  # fmt: skip
        self._news = asyncio.Event()
        self._announce = asyncio.Event()
        self._journal = Journal()
        self._admission = Admission(options, client, self._central)
        self._recorders: list[EventRecorder] = []
        self._controllers = [self._controller(kind) for kind in BOOT_KINDS]

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Start every part; the webhook answers before a leader is chosen."""
        options = self._options
        if options.config_file is not None:
            await self._take(text_at_start(options.config_file))
            self._central.insist(options.config_file)
        else:
            self._config.subscribe(lambda old, new: self._news.set())
            group.create_task(self._config.run(), name="central config cache")
            await self._config.synced()
            await self._take(self._text())
            group.create_task(self._follow_config(), name="central config")
        group.create_task(self._central.hold(), name="central config in force")
        group.create_task(self._admission.run(), name="webhook")
        for recorder in self._recorders:
            group.create_task(recorder.run(), name="events")
        election = LeaderElection(
            self._client, options.lease_name, options.namespace, self._identity,
            duration=options.lease_seconds, renew=options.lease_seconds * 2 / 3,
            retry=options.lease_seconds / 8,
        )  # fmt: skip
        group.create_task(election.run(self._lead), name="election")
        log.info("started", environment=options.environment, identity=self._identity)

    def _controller(self, kind: BootKind) -> Controller:
        operator = self._operator(kind)

        async def work(request: Request) -> Result | None:
            return await reconcile(operator, kind, request)

        controller = Controller(kind.singular, work, workers=self._options.workers)
        for boots in self._world.boots[kind.kind].caches:
            boots.subscribe(lambda old, new: self._journal.note(kind.kind, old, new))
            controller.watch(boots)
        for other in BOOT_KINDS:
            for rivals in self._world.boots[other.kind].caches if other != kind else ():
                controller.watch(rivals, lambda old, new: self._namesake(kind, old, new))
        for pods in self._world.pods.caches:
            controller.watch(pods, lambda old, new: _labelled(kind, old, new))
        for sets in self._world.replica_sets.caches:
            controller.watch(sets, lambda old, new: _labelled(kind, old, new))
        for warnings in self._world.warnings.caches:
            controller.watch(warnings, lambda old, new: self._warned(kind, new))
        for revisions in self._world.revisions.caches:
            revisions.subscribe(lambda old, new: self._see_recorded(kind, new))
            controller.watch(revisions, lambda old, new: _labelled(kind, old, new))
        for watched in self._world.workloads.values():
            for workloads in watched.caches:
                controller.watch(workloads, lambda old, new: self._concerned(kind, old, new))
        for services in self._world.services.caches:
            controller.watch(services, lambda old, new: self._concerned(kind, old, new))
        for autoscalers in self._world.autoscalers.caches:
            controller.watch(autoscalers, lambda old, new: self._concerned(kind, old, new))
        for ingresses in self._world.ingresses.caches:
            controller.watch(ingresses, lambda old, new: self._concerned(kind, old, new))
        return controller

    def _warned(self, kind: BootKind, event: Event | None) -> list[Request]:
        """The Boot of a kind that a warning is about; one that is forgotten changes nothing."""
        found = self._world.boot_of(event) if event is not None else None
        return [Request(found[0], found[1])] if found and found[2] == kind.boot_type else []

    def _see_recorded(self, kind: BootKind, revision: BootRevision | None) -> None:
        if revision is not None and revision.boot_type == kind.boot_type:
            self._journal.recorded(kind.kind, revision)

    def _namesake(self, kind: BootKind, old: Boot | None, new: Boot | None) -> list[Request]:
        """The Boot of a kind that waits for the name of another kind's Boot, which went."""
        if new is not None or old is None:
            return []
        meta = old.metadata
        waits = self._world.boots[kind.kind].get(meta.namespace, meta.name) is not None
        return [Request(meta.namespace, meta.name)] if waits else []

    def _concerned(self, kind: BootKind, old: Owned | None, new: Owned | None) -> set[Request]:
        """Boots of a kind to look at: who owns what changed, and who needs its name or has its labels."""
        found = {*owners(kind.resource, old, new)}
        for obj in (old, new):
            if obj is not None:
                meta = obj.metadata
                found |= {Request(meta.namespace, name) for name in (meta.name, meta.label("app"))}
        boots = self._world.boots[kind.kind]
        return {request for request in found if boots.get(request.namespace, request.name) is not None}

    def _operator(self, kind: BootKind) -> Operator:
        return Operator(
            client=self._client,
            world=self._world,
            central=self._central,
            events=self._recorder(f"{kind.singular}-controller"),
            metrics=self._metrics,
            journal=self._journal,
            max_history=self._options.max_history,
            ignored_env=self._options.ignored_env,
            environment=self._options.environment,
            now=utcnow,
            seconds=asyncio.get_running_loop().time,
        )

    def _recorder(self, component: str) -> EventRecorder:
        self._recorders.append(EventRecorder(self._client, component, self._identity))
        return self._recorders[-1]

    async def _lead(self) -> None:
        log.info("leading", environment=self._options.environment, identity=self._identity)
        self._metrics.leading.inc()
        try:
            async with asyncio.TaskGroup() as group:
                for controller in self._controllers:
                    group.create_task(controller.run(), name=controller.name)
                group.create_task(self._announce_config(), name="central config events")
                group.create_task(self._central.collect(), name="central config snapshots")
                if self._options.operator_name:
                    group.create_task(publish(self._client, self._options), name="metrics service")
        finally:
            self._metrics.leading.dec()

    async def _follow_config(self) -> None:
        while True:
            # what the API server would not store is offered again
            failed = isinstance(self._central.broken, KubeError)
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIG_RETRY if failed else None):
                    await self._news.wait()
            self._news.clear()
            await self._take(self._text())

    async def _take(self, text: str | None) -> None:
        before = self._central.platform, self._central.trouble
        await self._central.offer(text)
        platform = self._central.platform
        self._metrics.config_broken.set(1 if self._central.broken else 0)
        self._metrics.config_warnings.set(len(platform.warnings) if platform else 0)
        if before != (platform, self._central.trouble):
            self._announce.set()
            self._wake_all()

    async def _announce_config(self) -> None:
        """Events about the central config, from the leader alone, so that each is told once."""
        options = self._options
        recorder = EventRecorder(self._client, "logan-app-operator", self._identity)
        about = ObjectReference(
            api_version="v1", kind="ConfigMap", namespace=options.namespace, name=options.config_map
        )
        while True:
            await self._announce.wait()
            self._announce.clear()
            if self._central.trouble:
                stays = "; the last good config stays in force" if self._central.platform else ""
                words = self._central.refusal or f"central config is broken, {self._central.trouble}{stays}"
                await recorder.event(about, "Warning", "ConfigBroken", words)
            elif self._central.platform is not None:
                words = f"central config {self._central.platform.digest or 'built in'} is in force"
                await recorder.event(about, "Normal", "ConfigInForce", words)
                for warning in self._central.platform.warnings[:10]:
                    await recorder.event(about, "Warning", "ConfigWarning", warning)

    def _wake_all(self) -> None:
        """Every Boot is looked at again: it may have waited for a readable config, or says what is new."""
        for kind, controller in zip(BOOT_KINDS, self._controllers, strict=True):
            for cache in self._world.boots[kind.kind].caches:
                for boot in cache.list():
                    request = Request(boot.metadata.namespace, boot.metadata.name)
                    controller.add(request, priority=FOLLOWING)

    def _text(self) -> str | None:
        found = self._config.get(self._options.namespace, self._options.config_map)
        return None if found is None else (found.data or {}).get(KEY, "")

    def not_ready(self) -> str:
        """Why this environment is not served yet; empty when it is."""
        return self._admission.not_ready()


def _labelled(kind: BootKind, old: Labelled | None, new: Labelled | None) -> list[Request]:
    """The Boot of a kind that what changed has the labels of, whoever owns it."""
    meta = next(one.metadata for one in (new, old) if one is not None)
    same = meta.label("bootType") == kind.boot_type
    return [Request(meta.namespace, meta.label("bootName"))] if same else []


@asynccontextmanager
async def _on_signals(stop: asyncio.Event) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _first(failures: BaseExceptionGroup[Exception]) -> Exception:
    """The first plain exception inside, which is the one to show a person."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    assert isinstance(failure, Exception)  # noqa: S101 - an ExceptionGroup holds nothing else
    return failure
