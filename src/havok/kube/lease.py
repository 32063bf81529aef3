"""Leader election over a coordination/v1 Lease: one leads, the others wait.

The rules of client-go: a candidate takes the lease when it saw it unchanged for `duration` seconds by its own
clock; the holder renews it each `retry` seconds. Fencing: a leader that could not renew is cancelled `renew`
seconds after the start of its last successful renewal, which leaves it `duration - renew` seconds to stop
before anybody else can begin. Clocks of different machines are never compared, and time counts on while this
machine sleeps. What timing cannot forbid is the one write of a process that was stopped between asking
`is_leader` and sending; `fencing` refuses that one on the object itself, by the `term`.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from havok.clock import rfc3339, utcnow
from havok.errors import HavokError
from havok.kube.client import Client
from havok.kube.errors import AlreadyExists, Conflict, KubeError, LeadLost, NotFound
from havok.kube.resources import LEASES
from havok.kube.views import Lease
from havok.log import get_logger


def awake_and_asleep() -> float:
    """Seconds of a clock that nobody sets and that goes on while the machine is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class LeaderElection:
    """A candidate for the lease `name`. Times in seconds; `identity` is of this very process, no other's."""

    def __init__(
        self,
        client: Client,
        name: str,
        namespace: str,
        identity: str,
        *,
        duration: float = 15,
        renew: float = 10,
        retry: float = 2,
        random: Random | None = None,
        now: Callable[[], float] = awake_and_asleep,
    ) -> None:
        if not retry < renew < duration:
            raise ValueError("retry < renew < duration must hold")
        self._client = client
        self._name = name
        self._namespace = namespace
        self._identity = identity
        self._duration = duration
        self._renew = renew
        self._retry = retry
        self._random = random or Random()  # noqa: S311
        self._now = now
        self._seen = ("", 0.0)
        self._version = ""
        self._renewed = float("-inf")
        self._term = 0
        self.holder = ""
        """Who led when we last looked; empty: nobody."""
        self._log = get_logger("kube.lease").bind(lease=name, identity=identity)

    @property
    def is_leader(self) -> bool:
        """Whether we lead at this moment; false from the moment of the fence on."""
        return self._now() < self._renewed + self._renew

    @property
    def term(self) -> int:
        """The number of this leadership: larger than that of every one before, also of a deleted lease's.

        It is the resourceVersion of the write that made us leader. Raises LeadLost `kube.lease.lost` when we
        do not lead.
        """
        if not self._term or not self.is_leader:
            raise LeadLost(
                "kube.lease.lost",
                f"{self._identity} does not lead {self._name} any more",
                "nothing to do: whoever leads now goes on with it",
                identity=self._identity, name=self._name,
            )  # fmt: skip
        return self._term

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Wait to be leader, run `lead`, give the lease back when it ends or we are cancelled.

        When leadership is lost `lead` is cancelled, awaited, and started again if we win again; raising
        LeadLost it may say so itself. Returns when `lead` returns; what else it raises is raised.
        """
        while True:
            await self._acquire()
            self._log.info("lease_acquired")
            outcome = await self._lead(lead)
            if outcome is not None:
                if outcome.error:
                    raise outcome.error
                return
            self._log.warning("lease_lost", holder=self.holder)

    async def _acquire(self) -> None:
        while True:
            if await self._attempt():
                return
            await asyncio.sleep(self._retry * self._random.uniform(1.0, 2.2))

    async def _lead(self, lead: Callable[[], Awaitable[None]]) -> "_Outcome | None":
        """Lead until `lead` ends (its outcome) or leadership is lost (None)."""
        try:
            async with asyncio.TaskGroup() as group:
                leading = group.create_task(_captured(lead), name=f"leader {self._name}")
                keeping = group.create_task(self._keep(), name=f"lease {self._name}")
                await asyncio.wait({leading, keeping}, return_when=asyncio.FIRST_COMPLETED)
                ended = leading.done()
                leading.cancel()
                keeping.cancel()
        finally:
            self._term = 0
            await self._release()
        outcome = leading.result() if ended else None
        return None if outcome and isinstance(outcome.error, LeadLost) else outcome

    async def _keep(self) -> None:
        """Renew until that fails for too long, or somebody else holds the lease."""
        while True:
            left = self._renewed + self._renew - self._now()
            if left <= 0:
                return
            await asyncio.sleep(min(self._retry, left))
            left = self._renewed + self._renew - self._now()
            try:
                async with asyncio.timeout(max(0.0, left)):
                    if not await self._attempt() and self.holder != self._identity:
                        self._renewed = float("-inf")
                        return
            except TimeoutError:
                return

    async def _attempt(self) -> bool:
        """One try to hold the lease from now on."""
        began = self._now()
        try:
            held = await self._take()
        except HavokError as error:
            self._log.warning("lease_attempt_failed", code=error.code, cause=error.message)
            return False
        if held:
            self._renewed = began
            self._term = self._term or int(self._version)
            self.holder = self._identity
        return held

    async def _take(self) -> bool:
        try:
            lease = await self._client.get(LEASES, self._name, self._namespace, view=Lease)
        except NotFound:
            return await self._create()
        # Counted from the answer: a question that was long under way must not make the lease look old.
        now = self._now()
        self.holder = lease.spec.holder_identity or ""
        if self._term and self.holder != self._identity:
            # Somebody led since we last looked. Even if the lease is free again, this leadership is over.
            return False
        if lease.metadata.resource_version != self._seen[0]:
            self._seen = (lease.metadata.resource_version, now)
        theirs = lease.spec.lease_duration_seconds or 0
        if self.holder not in ("", self._identity) and now < self._seen[1] + theirs:
            return False
        return await self._write(lease)

    async def _create(self) -> bool:
        body = {"metadata": {"name": self._name}, "spec": self._spec(transitions=0, acquired=True)}
        try:
            made = await self._client.create(LEASES, body, self._namespace)
        except AlreadyExists:
            return False
        self._version = made["metadata"]["resourceVersion"]
        return True

    async def _write(self, lease: Lease) -> bool:
        fresh = self.holder != self._identity
        transitions = (lease.spec.lease_transitions or 0) + (1 if fresh else 0)
        spec = self._spec(transitions=transitions, acquired=fresh)
        body = {"metadata": {"resourceVersion": lease.metadata.resource_version}, "spec": spec}
        try:
            written = await self._client.patch(LEASES, self._name, self._namespace, body=body)
        except Conflict:
            return False
        self._version = written["metadata"]["resourceVersion"]
        return True

    async def _release(self) -> None:
        """Let the others begin at once; without it they wait for `duration`."""
        still = self.is_leader
        self._renewed = float("-inf")
        if not still:
            return
        spec: dict[str, Any] = {"holderIdentity": None, "leaseDurationSeconds": 1}
        body = {"metadata": {"resourceVersion": self._version}, "spec": spec}
        try:
            async with asyncio.timeout(self._retry):
                await self._client.patch(LEASES, self._name, self._namespace, body=body)
        except (KubeError, TimeoutError) as error:
            self._log.warning("lease_not_released", cause=str(error))
        else:
            self._log.info("lease_released")

    def _spec(self, *, transitions: int, acquired: bool) -> dict[str, Any]:
        now = rfc3339(utcnow(), micro=True)
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(self._duration),
            "renewTime": now,
            "leaseTransitions": transitions,
        }
        return {**spec, "acquireTime": now} if acquired else spec


class _Outcome:
    """How `lead` ended."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error


async def _captured(lead: Callable[[], Awaitable[None]]) -> _Outcome:
    try:
        await lead()
    except Exception as error:
        return _Outcome(error)
    return _Outcome(None)
