"""A process that wants to lead, and that writes as fast as it may while it does.

Started by tests, with one JSON text as its argument. Each step is a line on standard output.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from random import Random
from typing import Any

import msgspec

from havok.clock import utcnow
from havok.kube import Access, Client, Credentials, KubeError, LeaderElection, Limits, lease
from havok.kube.fencing import Fenced, fenced_patch
from havok.kube.resources import CONFIGMAPS


class Plan(msgspec.Struct, kw_only=True):
    """How this candidate is. `rate` is the speed of its clock, `wall` the seconds its wall clock is off."""

    server: str
    ca: str
    certificate: str
    key: str
    namespace: str
    identity: str
    duration: float
    renew: float
    retry: float
    rate: float = 1.0
    wall: float = 0.0
    seed: int = 0
    pause_at: int = 0
    """Stop yourself in the middle of this write, after the last look whether you lead."""
    guarded: bool = True

    def access(self) -> Access:
        """The test API server as an administrator."""
        credentials = Credentials(certificate=self.certificate.encode(), key=self.key.encode())
        return Access(server=self.server, ca=self.ca.encode(), credentials=credentials)


class Writer:
    """What leading means here."""

    def __init__(self, client: Client, election: LeaderElection, plan: Plan) -> None:
        self._client = client
        self._election = election
        self._plan = plan
        self._random = Random(plan.seed)  # noqa: S311
        self._writes = 0

    async def lead(self) -> None:
        """Write until somebody stops us."""
        say("leads", self._election.term)
        while True:
            # Shielded: a write that is under way is not called back when the lead is lost.
            await asyncio.shield(asyncio.ensure_future(self._try(self._election.term)))
            await asyncio.sleep(self._random.uniform(0, 0.03))

    async def _try(self, term: int) -> None:
        try:
            await self._write(term)
        except Fenced:
            say("fenced")
        except KubeError as error:
            say("failed", error.code)

    async def _write(self, term: int) -> None:
        self._writes += 1
        if self._plan.guarded:
            await fenced_patch(
                self._client, CONFIGMAPS, "written", self._plan.namespace, term=term, change=self._change
            )
        else:
            live = await self._client.get(CONFIGMAPS, "written", self._plan.namespace)
            body = self._change(live)
            await self._client.patch(CONFIGMAPS, "written", self._plan.namespace, body=body)
        say("wrote", term)

    def _change(self, live: dict[str, Any]) -> dict[str, Any]:
        if self._writes == self._plan.pause_at:
            self._writes += 1
            os.kill(os.getpid(), signal.SIGSTOP)
        count = int((live.get("data") or {}).get("count", "0")) + 1
        return {"data": {"count": str(count), "writer": self._plan.identity}}


def say(*words: object) -> None:
    """One line, at once."""
    print(*words, flush=True)


async def main(plan: Plan) -> None:
    """Until killed."""
    lease.utcnow = lambda: utcnow() + timedelta(seconds=plan.wall)  # type: ignore[attr-defined]
    async with Client(plan.access(), limits=Limits(qps=1000, burst=1000, tries=1, timeout=5)) as client:
        election = LeaderElection(
            client, "role", plan.namespace, plan.identity, duration=plan.duration, renew=plan.renew,
            retry=plan.retry, now=lambda: lease.awake_and_asleep() * plan.rate,
        )  # fmt: skip
        await election.run(Writer(client, election, plan).lead)


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Plan)))
