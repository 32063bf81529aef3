"""Processes that want to lead, somebody who pauses and kills them, and a reader of what they wrote."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any, Self

import msgspec

from havok.kube import Client
from havok.kube.fencing import ANNOTATION
from havok.kube.lines import LineSplitter
from havok.kube.resources import CONFIGMAPS
from support.candidate import Plan
from support.controlplane import ControlPlane
from support.observed import Turn

TESTS = Path(__file__).parents[1]
QUICK = {"duration": 1.0, "renew": 0.7, "retry": 0.1}


class Candidate:
    """One process. `said` are its lines so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.said: list[str] = []
        self.turn = Turn()
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Begin, or begin again after `kill`."""
        environment = {**os.environ, "PYTHONPATH": str(TESTS)}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "support.candidate", msgspec.json.encode(self.plan).decode(),
            stdout=asyncio.subprocess.PIPE, env=environment, cwd=TESTS,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(self._process))

    def pause(self) -> None:
        """It does nothing from now on, and does not know."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """As if nothing had been."""
        os.kill(self.pid, signal.SIGCONT)

    async def stopped(self) -> None:
        """Wait until it stopped itself."""
        async with asyncio.timeout(20):
            await asyncio.to_thread(os.waitid, os.P_PID, self.pid, os.WSTOPPED)

    async def kill(self) -> None:
        """SIGKILL; harmless when it ended already."""
        assert self._process is not None and self._reading is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def until_it_says(self, word: str) -> None:
        """Raises TimeoutError."""
        await self.turn.until(lambda: any(line.startswith(word) for line in self.said))

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.said.append(line.decode().strip())
            self.turn.happened()


class Version(msgspec.Struct, frozen=True):
    """One version of the written object."""

    term: int
    writer: str
    count: int


class Contest:
    """``async with Contest(plane, client, namespace) as contest``; `history` is what a watch told."""

    def __init__(self, plane: ControlPlane, client: Client, namespace: str) -> None:
        self._plane = plane
        self._client = client
        self._namespace = namespace
        self._stack = AsyncExitStack()
        self.history: list[Version] = []
        self.turn = Turn()
        self.candidates: list[Candidate] = []

    async def __aenter__(self) -> Self:
        body = {"metadata": {"name": "written"}, "data": {"count": "0", "writer": ""}}
        made = await self._client.create(CONFIGMAPS, body, self._namespace)
        watching = asyncio.create_task(self._watch(made["metadata"]["resourceVersion"]))
        self._stack.push_async_callback(_end, watching)
        return self

    async def __aexit__(self, *_: object) -> None:
        for candidate in self.candidates:
            await candidate.kill()
        await self._stack.aclose()

    async def enter(self, identity: str, **fields: Any) -> Candidate:
        """One more candidate, running."""
        credentials = self._plane.access().credentials
        plan = Plan(
            server=self._plane.server, ca=self._plane.authority.certificate.decode(),
            certificate=credentials.certificate.decode(), key=credentials.key.decode(),
            namespace=self._namespace, identity=identity, **{**QUICK, **fields},
        )  # fmt: skip
        candidate = Candidate(plan)
        self.candidates.append(candidate)
        await candidate.start()
        return candidate

    async def until_written_by(self, *writers: str, since: int = 0) -> None:
        """Wait for a version after number `since` by one of `writers`; raises TimeoutError."""
        await self.turn.until(lambda: any(one.writer in writers for one in self.history[since:]))

    async def trouble(self, random: Random, *, rounds: int) -> None:
        """Pause or kill whoever leads, `rounds` times, each until another has led."""
        for _ in range(rounds):
            seen = len(self.history)
            victim = await self._leader(seen)
            others = [one.plan.identity for one in self.candidates if one is not victim]
            if random.random() < 0.6:
                victim.pause()
                await self.until_written_by(*others, since=len(self.history))
                victim.go_on()
            else:
                await victim.kill()
                await victim.start()
            await asyncio.sleep(random.uniform(0, 0.3))

    async def _leader(self, since: int) -> Candidate:
        await self.turn.until(lambda: len(self.history) > since)
        return next(one for one in self.candidates if one.plan.identity == self.history[-1].writer)

    async def _watch(self, version: str) -> None:
        params = {"watch": "true", "resourceVersion": version, "fieldSelector": "metadata.name=written"}
        splitter = LineSplitter()
        async with self._client.stream(CONFIGMAPS.path(self._namespace), params) as blocks:
            async for block in blocks:
                self.history += [_version_of(line) for line in splitter.feed(block)]
                self.turn.happened()


def assert_one_writer_at_a_time(history: Iterable[Version]) -> None:
    """Terms never fall, a term has one writer, and no write was lost."""
    writers: dict[int, str] = {}
    last = Version(0, "", 0)
    for version in history:
        assert version.term >= last.term, f"{version} after {last}"
        assert writers.setdefault(version.term, version.writer) == version.writer
        assert version.count == last.count + 1, f"{version} after {last}"
        last = version


def _version_of(line: bytes) -> Version:
    event = msgspec.json.decode(line)
    assert event["type"] == "MODIFIED"
    found = event["object"]
    term = int((found["metadata"].get("annotations") or {}).get(ANNOTATION, "0"))
    return Version(term, found["data"]["writer"], int(found["data"]["count"]))


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
