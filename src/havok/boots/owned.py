"""The objects that run one Boot: found, made, corrected, removed, and never anybody else's.

An object is ours when its controller reference is this Boot, by uid. One that is not ours, under a name that
we need, is `Foreign`: it stays as it is until a person gives consent by the annotation `names.ADOPT`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Literal, TypeVar

import msgspec

from havok.boots import claims, drift, names
from havok.boots import metrics as stages
from havok.boots.live import Autoscaler, Ingress, Workload
from havok.boots.metrics import Metrics
from havok.boots.names import FIELD_MANAGER, BootKey
from havok.boots.pin import Pin
from havok.boots.status import Problem
from havok.boots.world import Watched, World
from havok.codec import Json
from havok.kube import AlreadyExists, Client, Invalid, KubeError, NotFound
from havok.kube.apply import reconcile_object
from havok.kube.equality import Path
from havok.kube.events import EventRecorder
from havok.kube.resources import DEPLOYMENTS, HPAS, PVCS, SERVICES, STATEFULSETS, Resource
from havok.kube.views import ObjectMeta, ObjectReference, PartialObject

T = TypeVar("T", Autoscaler, Ingress)

RESOURCES = {resource.kind: resource for resource in (DEPLOYMENTS, STATEFULSETS)}
SELF_HEALING = (409, 500, 503, 504)
"""HTTP statuses of failures that the next try may well not see; their events are Normal (contract 4.7)."""

NEVER_WARNED: Final = frozenset({"GetDeployment", "GetService", "UpdateBootDefaulters", "UpdateBootMeta"})
"""Failures whose events are always Normal."""
SHORT: Final = {HPAS.kind: "hpa"}
"""Kinds that the sub-stages of metrics call otherwise than by their name in small letters."""


class Foreign(Exception):  # noqa: N818  it is a finding, not a failure
    """An object under a name that we need belongs to somebody else."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Voice:
    """Says what was done to a Boot: events for people, numbers for dashboards."""

    def __init__(self, events: EventRecorder, metrics: Metrics, key: BootKey, uid: str) -> None:
        self._events = events
        self.metrics = metrics
        self.key = key
        resource = key.kind.resource
        self._about = ObjectReference(
            api_version=resource.api_version,
            kind=resource.kind,
            namespace=key.namespace,
            name=key.name,
            uid=uid,
        )

    async def say(self, type_: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Record an event about the Boot; never raises."""
        await self._events.event(self._about, type_, reason, message)

    async def done(self, verb: str, what: str, name: str, resource: Resource) -> None:
        """A write succeeded: ``CreatedDeployment``. Those of autoscalers are no events (contract 4.7)."""
        self.metrics.writes.labels(resource.plural).inc()
        if what == HPAS.kind:
            return
        await self.say("Normal", f"{verb}{what}", f"{verb.lower()} {what} {name}")

    async def failed(self, verb: str, what: str, name: str, error: KubeError) -> None:
        """A read or write failed: ``FailedCreateService``."""
        if what == HPAS.kind:
            return
        heals = error.status in SELF_HEALING or f"{verb}{what}" in NEVER_WARNED
        await self.say(
            "Normal" if heals else "Warning", f"Failed{verb}{what}", f"{what} {name}: {error.message}"
        )


class Owned:
    """Reads through the caches, and asks the API server itself before anything is made."""

    def __init__(
        self, client: Client, world: World, voice: Voice, key: BootKey, uid: str, environment: str
    ) -> None:
        self._client = client
        self._world = world
        self._voice = voice
        self._key = key
        self._uid = uid
        self._environment = environment
        self._settled: set[str] = set()
        """Services with the Boot's labels that this pass settled; the cache may not know them yet."""
        self._removed: set[str] = set()

    def cached_workload(self, kind: str) -> Workload | None:
        """Our workload as the cache has it; None when there is none of ours."""
        found = self._world.workload(self._key, kind)
        return found if found is not None and self._is_ours(found.metadata) else None

    def workload(self, kind: str) -> Workload | None:
        """What lives under the Boot's name, ours or given to us. Raises Foreign."""
        found = self._world.workload(self._key, kind)
        if found is not None:
            self._claim(found.metadata, kind)
        return found

    async def settle_workload(self, rendered: Json, live: Workload | None, pin: Pin) -> Workload:
        """Make the workload what was rendered, by the least write; returns it as it is then."""
        resource, equal = RESOURCES[rendered["kind"]], drift.WORKLOAD_PATHS
        if live is not None:
            equal += drift.stale_volumes(rendered, live)
        found = drift.of_workload(rendered, live).template if live is not None else ()
        settled = live is not None and self._is_ours(live.metadata) and not found
        if live is None or not (settled or await self._is_left(rendered, live, found)):
            made = await self._reconcile(resource, pin.put_on(rendered), equal, exists=live is not None)
            return msgspec.convert(made, Workload)
        narrow = drift.narrow_patch(rendered, live, None if found else pin)
        if not narrow:
            return live
        return msgspec.convert(await self._patch(resource, narrow), Workload)

    async def _is_left(self, rendered: Json, live: Workload, found: tuple[str, ...]) -> bool:
        """Whether only mounts of the platform differ, in a workload from before us (contract 3.10).

        What we render we remember, and then compare exactly. What the Go operator rendered stays until the
        Boot changes, or one of its own claims does.
        """
        if found != ("mounts",) or not self._is_ours(live.metadata) or Pin.read(live.metadata.annotations):
            return False
        wanted = drift.app_container(msgspec.convert(rendered, Workload).spec.template.spec)
        have = drift.app_container(live.spec.template.spec)
        for name in claims.changed_mounts(wanted.volume_mounts, have.volume_mounts):
            try:
                claim = await self._client.get(PVCS, name, self._key.namespace, view=PartialObject)
            except (NotFound, Invalid):
                continue
            if claims.counts(claim.metadata.labels or {}, self._key.pod_labels):
                return False
        return True

    async def settle_services(self, rendered: tuple[Json, ...]) -> None:
        """Make the services what was rendered, and remove ours that are no longer wanted.

        Raises Foreign for the first that belongs to somebody else, after the others were settled.
        """
        wanted = {service["metadata"]["name"] for service in rendered}
        found: list[Foreign] = []
        for service in rendered:
            try:
                await self._settle_service(service)
            except Foreign as foreign:
                found.append(foreign)
            else:
                self._note(service["metadata"])
        for live in self._world.services_owned_by(self._uid):
            if live.metadata.name not in wanted:
                await self._delete(SERVICES, live.metadata)
                self._removed.add(live.metadata.name)
        if found:
            raise found[0]

    def _note(self, metadata: Json) -> None:
        ours = self._key.service_labels(self._environment)
        if ours.items() <= metadata.get("labels", {}).items():
            self._settled.add(metadata["name"])

    async def _settle_service(self, rendered: Json) -> None:
        live = self._world.services.get(self._key.namespace, rendered["metadata"]["name"])
        if live is not None:
            self._claim(live.metadata, "Service")
            if self._is_ours(live.metadata):
                if not drift.of_service(rendered, live):
                    return
                # where it leads is left to whoever changed that (contract 4.4)
                rendered = {**rendered, "spec": {**rendered["spec"], "selector": live.spec.selector}}
        await self._reconcile(SERVICES, rendered, drift.SERVICE_PATHS, exists=live is not None)

    async def settle_autoscaler(self, rendered: Json | None) -> None:
        """Make the autoscaler what was rendered; None: remove it if it is ours. Raises Foreign."""
        await self._settle(self._world.autoscalers, rendered, drift.of_autoscaler, drift.AUTOSCALER_PATHS)

    async def settle_ingress(self, rendered: Json | None) -> None:
        """The same for the address from outside."""
        await self._settle(self._world.ingresses, rendered, drift.of_ingress, drift.INGRESS_PATHS)

    async def _settle(
        self,
        watched: Watched[T],
        rendered: Json | None,
        differs: Callable[[Json, T], tuple[str, ...]],
        equal: tuple[Path, ...],
    ) -> None:
        live = watched.get(self._key.namespace, self._key.name)
        if rendered is None:
            if live is not None and self._is_ours(live.metadata):
                await self._delete(watched.resource, live.metadata)
            return
        if live is not None:
            self._claim(live.metadata, watched.resource.kind)
            if self._is_ours(live.metadata) and not differs(rendered, live):
                return
        await self._reconcile(watched.resource, rendered, equal, exists=live is not None)

    def external_port(self) -> int:
        """The node port that the external Service was given; 0 while there is none."""
        live = self._world.services.get(self._key.namespace, f"{self._key.name}-external")
        ports = live.spec.ports if live is not None and self._is_ours(live.metadata) else None
        return ports[0].node_port if ports else 0

    def service_names(self) -> tuple[str, ...]:
        """The names of the services with the Boot's labels, what this pass did among them."""
        cached = {one.metadata.name for one in self._world.services_of(self._key, self._environment)}
        return tuple(sorted((cached | self._settled) - self._removed))

    def _is_ours(self, metadata: ObjectMeta) -> bool:
        controller = metadata.controller
        return controller is not None and controller.uid == self._uid

    def _claim(self, metadata: ObjectMeta, what: str) -> None:
        """Raises Foreign unless the object is ours, or nobody's and given to us."""
        if self._is_ours(metadata):
            return
        if metadata.controller is None and metadata.annotation(names.ADOPT) == self._key.name:
            return
        owner = metadata.controller
        whose = f"belongs to {owner.kind} {owner.name}" if owner else "was not made by this Boot"
        way = (
            "rename this Boot"
            if owner
            else f"to hand it over, annotate it {names.ADOPT}={self._key.name}; else rename this Boot"
        )
        raise Foreign(Problem("NotOurs", f"{what} {metadata.name} exists and {whose}; {way}"))

    async def _reconcile(
        self, resource: Resource, wanted: Json, equal: tuple[Path, ...], *, exists: bool
    ) -> Json:
        """Write the whole object; the cache may be late, so what lives is asked for again."""
        live = await self._live(resource, wanted) if exists else None
        verb, stage = ("Update", stages.UPDATE) if live else ("Create", stages.CREATE)
        try:
            with self._stage(stage, self._sub_stage(verb, resource, wanted["metadata"]["name"])):
                outcome = await reconcile_object(
                    self._client, resource, wanted, live, field_manager=FIELD_MANAGER, equal=equal
                )
        except AlreadyExists:
            return await self._reconcile(resource, wanted, equal, exists=True)
        except KubeError as error:
            await self._voice.failed(verb, resource.kind, wanted["metadata"]["name"], error)
            raise
        if outcome.action != "unchanged":
            await self._voice.done(f"{verb}d", resource.kind, wanted["metadata"]["name"], resource)
        return outcome.object

    async def _live(self, resource: Resource, wanted: Json) -> Json | None:
        """The object under this name with everything it has; None when it is gone. Raises Foreign."""
        name = wanted["metadata"]["name"]
        try:
            with self._stage(stages.UPDATE, f"get_{SHORT.get(resource.kind, resource.kind.lower())}"):
                live = await self._client.get(resource, name, self._key.namespace)
        except NotFound:
            return None
        except KubeError as error:
            await self._voice.failed("Get", resource.kind, name, error)
            raise
        self._claim(msgspec.convert(live, PartialObject).metadata, resource.kind)
        return live

    async def _patch(self, resource: Resource, body: Json) -> Json:
        """Change a few fields of the workload."""
        name = self._key.name
        try:
            with self._stage(stages.UPDATE, f"update_{resource.kind.lower()}"):
                answer = await self._client.patch(
                    resource, name, self._key.namespace, body=body, field_manager=FIELD_MANAGER
                )
        except KubeError as error:
            await self._voice.failed("Update", resource.kind, name, error)
            raise
        await self._voice.done("Updated", resource.kind, name, resource)
        return answer

    async def _delete(self, resource: Resource, metadata: ObjectMeta) -> None:
        try:
            with self._stage(stages.UPDATE, self._sub_stage("delete", resource, metadata.name)):
                await self._client.delete(resource, metadata.name, metadata.namespace, uid=metadata.uid)
        except NotFound:
            return
        except KubeError as error:
            await self._voice.failed("Delete", resource.kind, metadata.name, error)
            raise
        await self._voice.done("Deleted", resource.kind, metadata.name, resource)

    def _sub_stage(self, verb: str, resource: Resource, name: str) -> str:
        """As dashboards know it; Services beside the app's own are "other" ones (contract 4.8)."""
        other = "other_" if resource == SERVICES and name != self._key.name else ""
        return f"{verb.lower()}_{other}{SHORT.get(resource.kind, resource.kind.lower())}"

    def _stage(self, stage: str, sub_stage: str) -> AbstractContextManager[None]:
        return self._voice.metrics.stage(self._key, stage, sub_stage)
