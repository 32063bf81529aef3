"""One pass over one Boot: fill, render, write what differs, report.

Everything is decided by the pure modules; this one reads, writes and says what it did. Nothing that belongs
to somebody else is taken over or deleted, and in a steady state nothing is written at all.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec

from havok.boots import metrics as stages
from havok.boots import status
from havok.boots.central import Central
from havok.boots.config import Platform
from havok.boots.defaults import fill
from havok.boots.live import Workload
from havok.boots.metrics import Metrics
from havok.boots.mutation import changes
from havok.boots.names import FIELD_MANAGER, PROFILE, RESTARTED_AT, BootKey
from havok.boots.owned import Foreign, Owned, Voice
from havok.boots.pin import Pin, deploying_hash
from havok.boots.render import App, Objects, render
from havok.boots.routing import handles
from havok.boots.status import Problem, Seen
from havok.boots.world import World
from havok.clock import rfc3339
from havok.codec import Json
from havok.crds import Boot, BootKind, BootStatus
from havok.kube import Client, Conflict, Forbidden, Invalid
from havok.kube.controller import Request, Result
from havok.kube.events import EventRecorder

LEAVING = frozenset({"orphan", "foregroundDeletion"})
"""Finalizers of a Boot that is being deleted with its objects, or from above them."""
RETRY = 30.0
"""Seconds until something that a quota, a role or a foreign object stood in the way of is tried again."""


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """What a pass needs of the process it runs in."""

    client: Client
    world: World
    central: Central
    events: EventRecorder
    metrics: Metrics
    environment: str
    now: Callable[[], datetime]
    seconds: Callable[[], float]


async def reconcile(operator: Operator, kind: BootKind, request: Request) -> Result | None:
    """Make what runs what the Boot says. Raises KubeError when the API server fails: try again."""
    boot = operator.world.boots[kind.kind].get(request.namespace, request.name)
    if boot is None or not handles(operator.environment, request.namespace) or _leaving(boot):
        return None
    began = operator.seconds()
    try:
        return await Pass(operator, BootKey(kind, request.namespace, request.name), boot).run()
    finally:
        operator.metrics.took(kind.kind, operator.seconds() - began)


class Pass:
    """One pass. It lives as long as the pass does."""

    def __init__(self, operator: Operator, key: BootKey, boot: Boot) -> None:
        self._operator = operator
        self._key = key
        self._boot = boot
        self._voice = Voice(operator.events, operator.metrics, key, boot.metadata.uid)
        self._owned = Owned(
            operator.client, operator.world, self._voice, key, boot.metadata.uid, operator.environment
        )

    async def run(self) -> Result | None:
        """See `reconcile`."""
        workload = self._owned.cached_workload(self._boot.spec.workload or "Deployment")
        chosen = await self._choose(workload)
        if isinstance(chosen, Problem):
            await self._report(workload, "", chosen)
            return None
        if not await self._fill(chosen):
            return None
        try:
            workload, digest = await self._write(chosen)
        except Foreign as found:
            await self._report(None, self._boot.status.config_hash, found.problem)
            return Result(after=RETRY)
        except (Invalid, Forbidden) as error:
            problem = Problem("Refused", f"the cluster refused it: {error.message}. {error.hint}")
            await self._report(workload, self._boot.status.config_hash, problem)
            return Result(after=RETRY) if isinstance(error, Forbidden) else None
        try:
            await self._owned.settle_services(self._render(chosen, workload).services)
        except Foreign as found:
            await self._report(workload, digest, found.problem)
            return Result(after=RETRY)
        await self._report(workload, digest, None)
        return None

    async def _choose(self, workload: Workload | None) -> Platform | Problem:
        """The config to render from: the pinned one until a deploying change (see `pin`)."""
        central = self._operator.central
        pin = pin_of(workload) if workload is not None else None
        if workload is None and self._was_deleted:
            pin = Pin(self._boot.status.config_hash, self._hash())
        if pin is not None and pin.deployed == self._hash():
            platform = await central.pinned(pin.config)
            if platform is None:
                return _lost(pin.config)
            return platform
        if central.platform is None:
            reason = central.broken.message if central.broken else "there is none yet"
            return Problem("ConfigBroken", f"central config is broken, {reason}; nothing was changed")
        return central.platform

    @property
    def _was_deleted(self) -> bool:
        """Whether there was a workload of this very spec; then it comes back as it was."""
        unchanged = self._boot.status.observed_generation == self._boot.metadata.generation
        return unchanged and bool(self._boot.status.workload)

    def _hash(self) -> str:
        return deploying_hash(self._boot.spec, self._profile)

    @property
    def _profile(self) -> str:
        return self._boot.metadata.annotation(PROFILE)

    async def _fill(self, platform: Platform) -> bool:
        """Write what the webhook did not. False: the Boot changed meanwhile; the watch brings it again."""
        metadata = self._boot.metadata
        filled = fill(
            self._boot.spec, metadata.annotations or {}, name=self._key.name,
            defaults=platform.defaults(self._key.kind, self._profile), environment=platform.environment,
        )  # fmt: skip
        changed = changes(self._boot.spec, filled.spec)
        if not changed and not filled.annotations:
            return True
        body = {
            "metadata": {"resourceVersion": metadata.resource_version, "annotations": filled.annotations},
            "spec": changed,
        }
        return await self._patch_boot(body, "BootDefaulters", stages.DEFAULTERS)

    async def _patch_boot(self, body: Json, what: str, stage: str) -> bool:
        try:
            with self._operator.metrics.stage(self._key.kind.kind, self._key.name, stage):
                answer = await self._operator.client.patch(
                    self._key.kind.resource, self._key.name, self._key.namespace,
                    body=body, field_manager=FIELD_MANAGER,
                )  # fmt: skip
        except Conflict:
            return False
        self._operator.metrics.writes.labels(self._key.kind.plural).inc()
        self._boot = msgspec.convert(answer, Boot)
        await self._voice.say("Normal", f"Updated{what}", f"updated {self._key.name}")
        return True

    async def _write(self, platform: Platform) -> tuple[Workload, str]:
        """Settle the workload; returns it and the digest of the config it runs on."""
        kind = self._boot.spec.workload or "Deployment"
        live = self._owned.workload(kind)
        rendered = self._render(platform, live).workload
        pin = Pin(platform.digest, self._hash())
        settled = await self._owned.settle_workload(rendered, live, pin)
        found = pin_of(settled)
        return settled, found.config if found else platform.digest

    def _render(self, platform: Platform, live: Workload | None) -> Objects:
        asked = self._boot.metadata.annotation(RESTARTED_AT)
        before = live.spec.template.metadata.annotation(RESTARTED_AT) if live else ""
        app = App(
            key=self._key,
            uid=self._boot.metadata.uid,
            spec=self._boot.spec,
            restarted_at=asked or before,
            external_port=self._owned.external_port(),
        )
        return render(app, platform.defaults(self._key.kind, self._profile), platform.environment)

    async def _report(self, workload: Workload | None, digest: str, problem: Problem | None) -> None:
        """Write status and annotations where they differ."""
        seen = Seen(
            key=self._key,
            generation=self._boot.metadata.generation,
            spec=self._boot.spec,
            previous=self._boot.status,
            workload=workload,
            services=self._owned.service_names(),
            config_hash=digest,
            problem=problem,
        )
        wanted = status.observe(seen, rfc3339(self._operator.now()))
        if problem is not None and problem.message not in _messages(self._boot):
            await self._voice.say("Warning", problem.reason, problem.message)
        await self._write_annotations(status.annotations(wanted, self._key))
        if wanted != self._boot.status:
            await self._write_status(wanted)

    async def _write_annotations(self, wanted: dict[str, str]) -> None:
        current = self._boot.metadata.annotations or {}
        changed = {key: value for key, value in wanted.items() if current.get(key) != value}
        if changed:
            await self._patch_boot({"metadata": {"annotations": changed}}, "BootMeta", stages.META)

    async def _write_status(self, wanted: BootStatus) -> None:
        obj = {
            "metadata": {"name": self._key.name, "namespace": self._key.namespace},
            "status": msgspec.to_builtins(wanted),
        }
        with self._operator.metrics.stage(self._key.kind.kind, self._key.name, stages.STATUS):
            await self._operator.client.apply(
                self._key.kind.resource, obj, field_manager=f"{FIELD_MANAGER}-status", subresource="status"
            )
        self._operator.metrics.writes.labels(f"{self._key.kind.plural}/status").inc()
        await self._voice.say("Normal", "UpdatedBootStatus", f"updated the status of {self._key.name}")


def pin_of(workload: Workload) -> Pin | None:
    """What a workload remembers of its render; None when it was never rendered by us."""
    return Pin.read(workload.metadata.annotations or {})


def _leaving(boot: Boot) -> bool:
    return bool(boot.metadata.deletion_timestamp) or not LEAVING.isdisjoint(boot.metadata.finalizers)


def _lost(digest: str) -> Problem:
    return Problem(
        "ConfigLost",
        f"version {digest} of the central config, which this app was made from, is kept nowhere any more; "
        "the app runs on, and its next deploy takes today's config",
    )


def _messages(boot: Boot) -> set[str]:
    return {condition.message for condition in boot.status.conditions}
