"""One pass over one Boot: fill, render, write what differs, report.

Everything is decided by the pure modules; this one reads, writes and says what it did. Nothing that belongs
to somebody else is taken over or deleted, and in a steady state nothing is written at all.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from havok.boots import author, claims, permission, rollback, status
from havok.boots import metrics as stages
from havok.boots.central import Central
from havok.boots.config import Platform
from havok.boots.config_news import News, news
from havok.boots.defaults import fill
from havok.boots.health_words import Health, in_status
from havok.boots.history import Entry, History
from havok.boots.journal import Journal
from havok.boots.live import Workload
from havok.boots.lookups import Lookups
from havok.boots.metrics import Metrics
from havok.boots.mutation import changes
from havok.boots.names import FIELD_MANAGER, FILLED_FROM, PROFILE, RESTARTED_AT, ROLLED_BACK, BootKey
from havok.boots.owned import Foreign, Owned, Voice
from havok.boots.pause import Pause, pause_of
from havok.boots.pin import Pin, deploying_hash
from havok.boots.render import App, Objects, render
from havok.boots.revisions import Rolled
from havok.boots.routing import handles
from havok.boots.status import Problem, Seen
from havok.boots.world import World
from havok.clock import rfc3339
from havok.codec import Json
from havok.crds import Boot, BootKind, BootStatus
from havok.kube import Client, Conflict, Denied, Forbidden, Invalid, KubeError
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
    journal: Journal
    environment: str
    max_history: int
    ignored_env: tuple[str, ...]
    now: Callable[[], datetime]
    seconds: Callable[[], float]


async def reconcile(operator: Operator, kind: BootKind, request: Request) -> Result | None:
    """Make what runs what the Boot says. Raises KubeError when the API server fails: try again."""
    key = BootKey(kind, request.namespace, request.name)
    boot = operator.world.boots[kind.kind].get(request.namespace, request.name)
    if boot is None:
        operator.metrics.forget(key)
    if boot is None or not handles(operator.environment, request.namespace) or _leaving(boot):
        return None
    began = operator.seconds()
    try:
        return await Pass(operator, key, boot).run()
    finally:
        operator.metrics.took(kind.kind, operator.seconds() - began)


class Pass:
    """One pass. It lives as long as the pass does."""

    def __init__(self, operator: Operator, key: BootKey, boot: Boot) -> None:
        self._operator = operator
        self._key = key
        self._boot = boot
        self._voice = Voice(operator.events, operator.metrics, key, boot.metadata.uid)
        self._claims: dict[str, str] = {}
        self._history = History(
            operator.client, operator.world, key, boot.metadata.uid, keep=operator.max_history,
            ignored=operator.ignored_env, wrote=lambda plural: operator.metrics.writes.labels(plural).inc(),
        )  # fmt: skip
        self._pause: Pause | None = None
        self._owned = Owned(
            operator.client, operator.world, self._voice, key, boot.metadata.uid, operator.environment
        )

    async def run(self) -> Result | None:
        """See `reconcile`."""
        workload = self._owned.cached_workload(self._boot.spec.workload or "Deployment")
        undone = await self._roll_back()
        chosen = await self._choose(workload)
        if isinstance(chosen, Problem):
            await self._report(workload, "", chosen)
            return None
        if not await self._fill(chosen):
            return None
        if taken := permission.rival(self._operator.world, self._key, self._boot):
            await self._report(workload, self._boot.status.config_hash, taken)
            return Result(after=RETRY)
        await self._record(chosen)
        self._pause = pause_of(self._boot, self._operator.now())
        if self._pause is not None:
            await self._report(workload, self._boot.status.config_hash, undone)
            return Result(after=self._pause.seconds)
        if objection := await self._objection(workload):
            await self._report(workload, self._boot.status.config_hash, objection)
            return Result(after=RETRY)
        try:
            workload, digest = await self._write(chosen)
        except Foreign as found:
            await self._report(None, self._boot.status.config_hash, found.problem)
            return Result(after=RETRY)
        except (Invalid, Forbidden) as error:
            await self._report(workload, self._boot.status.config_hash, status.by_cluster(error))
            # Nothing tells us when a policy, a webhook, a quota or a right changes, so we ask again.
            return Result(after=RETRY)
        problem = await self._settle_reach(self._render(chosen, workload))
        await self._report(workload, digest, problem or undone)
        return Result(after=RETRY) if problem is not None else None

    async def _objection(self, workload: Workload | None) -> Problem | None:
        """What a webhook would have refused, of a spec that no workload was made from yet."""
        pin = pin_of(workload) if workload is not None else None
        if pin is not None and pin.deployed == self._hash():
            return None
        lookups, environment = Lookups(self._operator.client), self._operator.environment
        return await permission.objection(lookups, self._key, self._boot, environment)

    async def _roll_back(self) -> Problem | None:
        """Restore the revision that a person asked for; returns why that cannot be."""
        if not rollback.asked(self._boot):
            return None
        found = rollback.target(self._boot, self._history.entries)
        if isinstance(found, Problem):
            return found
        central, digest = self._operator.central, rollback.config_of(self._boot, found)
        platform = central.platform if digest is None else await central.pinned(digest)
        if platform is None:
            return rollback.lost(digest or "in force")
        wanted = rollback.body(self._key, self._boot, found, platform, self._operator.ignored_env)
        resource, key = self._key.kind.resource, self._key
        try:
            answer = await self._operator.client.patch(
                resource, key.name, key.namespace, body=wanted, kind="json", field_manager=FIELD_MANAGER
            )
        except (Invalid, Denied, Forbidden) as error:
            return rollback.refused(error.message)
        self._operator.metrics.writes.labels(key.kind.plural).inc()
        self._boot = msgspec.convert(answer, Boot)
        await self._voice.say("Normal", "RolledBack", f"restored revision {found.metadata.name}")
        return None

    async def _record(self, platform: Platform) -> None:
        """Give every spec that the watch delivered its revision."""
        kind, key, mine = self._key.kind, self._key, self._boot.metadata
        noted = self._operator.journal.read(kind.kind, key.namespace, key.name)
        earlier = [
            one for one in noted
            if one.metadata.uid == mine.uid and one.metadata.generation < mine.generation
        ]  # fmt: skip
        await self._history.record([self._entry(one, platform) for one in (*earlier, self._boot)])
        self._operator.journal.forget(kind.kind, key.namespace, key.name, uid=mine.uid, until=mine.generation)

    def _entry(self, boot: Boot, platform: Platform) -> Entry:
        profile = boot.metadata.annotation(PROFILE)
        if deploying_hash(boot.spec, profile) != self._hash():
            platform = self._operator.central.platform or platform
        filled = fill(
            boot.spec, boot.metadata.annotations, name=self._key.name,
            defaults=platform.defaults(self._key.kind, profile), environment=platform.environment,
        )  # fmt: skip
        return boot, filled.spec, platform.digest

    async def _settle_reach(self, objects: Objects) -> Problem | None:
        """Everything beside the workload; the first problem, after all the rest was tried."""
        app = objects.workload["spec"]["template"]["spec"]["containers"][0]
        self._claims = claims.remembered(
            self._boot.spec, app.get("volumeMounts", ()), self._boot.metadata.annotations or {}
        )
        owned = self._owned
        steps: tuple[Callable[[], Awaitable[None]], ...] = (
            lambda: owned.settle_services(objects.services),
            lambda: owned.settle_autoscaler(objects.autoscaler),
            lambda: owned.settle_ingress(objects.ingress),
        )
        problem: Problem | None = None
        for step in steps:
            try:
                await step()
            except Foreign as found:
                problem = problem or found.problem
            except (Invalid, Forbidden) as error:
                problem = problem or status.by_cluster(error)
        return problem

    async def _choose(self, workload: Workload | None) -> Platform | Problem:
        """The config to render from: the pinned one until a deploying change (see `pin`)."""
        central = self._operator.central
        rolled = Rolled.of(self._boot.metadata.annotations, self._hash())
        if rolled is not None and rolled.config is not None:
            return await central.pinned(rolled.config) or _lost(rolled.config)
        pin = pin_of(workload) if workload is not None else None
        if workload is None and self._was_deleted:
            pin = Pin(self._boot.status.config_hash, self._hash())
        if pin is not None and pin.deployed == self._hash():
            platform = await central.pinned(pin.config)
            if platform is None:
                return _lost(pin.config)
            return platform
        if central.platform is None:
            return Problem("ConfigBroken", central.refusal)
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
        written = author.by_reconciler(metadata.annotations or {}, self._boot.spec, filled.spec)
        written |= filled.annotations
        if not changed and not written:
            return True
        written[FILLED_FROM] = platform.digest
        body = {
            "metadata": {"resourceVersion": metadata.resource_version, "annotations": written},
            "spec": changed,
        }
        return await self._patch_boot(body, "BootDefaulters", stages.DEFAULTERS)

    async def _patch_boot(self, body: Json, what: str, stage: str, sub_stage: str = "") -> bool:
        try:
            with self._operator.metrics.stage(self._key, stage, sub_stage):
                answer = await self._operator.client.patch(
                    self._key.kind.resource, self._key.name, self._key.namespace,
                    body=body, field_manager=FIELD_MANAGER,
                )  # fmt: skip
        except Conflict:
            return False
        except KubeError as error:
            await self._voice.failed("Update", what, self._key.name, error)
            raise
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
            governing=live.spec.service_name if live else "",
            sidecar_ports=live.spec.template.spec.sidecar_ports if live else None,
        )
        return render(app, platform.defaults(self._key.kind, self._profile), platform.environment)

    async def _news(self, digest: str | None) -> News:
        """What is to be told of the central config; `digest`: of the one that runs, if any."""
        central = self._operator.central
        return news(
            self._key.kind, self._boot.metadata.annotations,
            running=None if digest is None else await central.pinned(digest),
            newest=central.platform, trouble=central.trouble,
        )  # fmt: skip

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
            news=await self._news(digest if workload is not None else None),
            revision=self._history.latest,
            paused=self._pause.words if self._pause else "",
            trouble=self._trouble(workload),
            problem=problem,
        )
        if seen.news and seen.news.warnings and seen.news.warnings not in _messages(self._boot):
            await self._voice.say("Warning", "ConfigWarning", seen.news.warnings)
        await self._history.settle(active=status.is_active(seen))
        wanted = status.observe(seen, rfc3339(self._operator.now()))
        if problem is not None and problem.message not in _messages(self._boot):
            await self._voice.say("Warning", problem.reason, problem.message)
        told: dict[str, str | None] = {**status.annotations(wanted, self._key), **self._claims}
        if Rolled.of(self._boot.metadata.annotations, self._hash()) is None:
            told[ROLLED_BACK] = None
        await self._write_annotations(told)
        if wanted != self._boot.status:
            await self._write_status(wanted)

    def _trouble(self, workload: Workload | None) -> Health | None:
        """What is wrong with the pods, in plain words."""
        if workload is None or not self._boot.spec.replicas:
            return None
        world, key = self._operator.world, self._key
        return in_status(
            self._boot, workload, world.pods_of(key), self._history.entries, self._operator.now(),
            replica_sets=world.replica_sets_of(key), events=world.warnings_about(key),
        )  # fmt: skip

    async def _write_annotations(self, wanted: dict[str, str | None]) -> None:
        current = self._boot.metadata.annotations or {}
        changed = {key: value for key, value in wanted.items() if current.get(key) != value}
        if changed:
            body = {"metadata": {"annotations": changed}}
            await self._patch_boot(body, "BootMeta", stages.META, "update_boot_meta")

    async def _write_status(self, wanted: BootStatus) -> None:
        obj = {
            "metadata": {"name": self._key.name, "namespace": self._key.namespace},
            "status": msgspec.to_builtins(wanted),
        }
        try:
            with self._operator.metrics.stage(self._key, stages.STATUS, "update_boot_status"):
                await self._operator.client.apply(
                    self._key.kind.resource,
                    obj,
                    field_manager=f"{FIELD_MANAGER}-status",
                    subresource="status",
                )
        except KubeError as error:
            await self._voice.failed("Update", "BootStatus", self._key.name, error)
            raise
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
