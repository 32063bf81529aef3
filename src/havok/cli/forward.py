"""Forward TCP connections from loopback to a Boot's pods; shared by `port-forward` and `open`.

Each connection picks a pod that is ready at that moment, so that forwarding goes on while pods are restarted
or replaced. Listens on 127.0.0.1 alone (and ::1 where there is one).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from havok.boots.observed import Pod
from havok.cli.connect import Cluster, FoundBoot
from havok.cli.pods import pods_of
from havok.errors import ConflictError, HavokError, UsageError
from havok.kube.sessions import PortForward

HOST: Final = "127.0.0.1"
BLOCK: Final = 64 * 1024
PATIENCE: Final = 20.0
"""Seconds a new connection waits for a pod to become ready before it is closed."""
LOOK_AGAIN: Final = 0.5


class Ports(msgspec.Struct, frozen=True):
    """A port on this machine (0: a free one) and one of the pods."""

    local: int
    remote: int


def parse_ports(text: str) -> Ports:
    """`8080`, `9000:8080` or `:8080`. Raises UsageError `cli.forward.port`."""
    local, colon, remote = text.partition(":")
    if not colon:
        remote = local
    numbers = [int(part) if part.isascii() and part.isdigit() else -1 for part in (local or "0", remote)]
    if 0 <= numbers[0] <= 65535 and 1 <= numbers[1] <= 65535:
        return Ports(numbers[0], numbers[1])
    raise UsageError(
        "cli.forward.port",
        f"{text} names no ports",
        "write 8080, 9000:8080 (here:there) or :8080 (any free port here)",
        text=text,
    )


class Forwarder:
    """Forwards to the pods of one Boot."""

    def __init__(self, cluster: Cluster, boot: FoundBoot, *, report: Callable[[str], None]) -> None:
        self._cluster, self._boot, self._report = cluster, boot, report
        self._turn = 0

    @asynccontextmanager
    async def listen(self, ports: Ports) -> AsyncIterator[int]:
        """Listen for the while; yields the local port. Raises ConflictError `cli.forward.taken`."""
        connections: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._serve(reader, writer, ports.remote))
            connections.add(task)
            task.add_done_callback(connections.discard)

        try:
            server = await asyncio.start_server(accept, HOST, ports.local)
        except OSError as error:
            raise ConflictError(
                "cli.forward.taken",
                f"port {ports.local} of this machine cannot be listened on: {error.strerror}",
                "name another, or none for a free one",
                port=ports.local, reason=error.strerror,
            ) from error  # fmt: skip
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        try:
            pod = await self._ready_pod()
            session = self._cluster.client.port_forward(pod.metadata.name, self._boot.namespace, port)
            async with session as stream:
                await _join(reader, writer, stream)
        except HavokError as error:
            self._report(error.message)
        except OSError as error:
            self._report(str(error))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _ready_pod(self) -> Pod:
        """A ready pod, in turn. Raises HavokError `cli.forward.none` when none becomes ready in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while True:
                    ready = [pod for pod in await pods_of(self._cluster, self._boot) if pod.ready]
                    if ready:
                        self._turn += 1
                        return ready[self._turn % len(ready)]
                    await asyncio.sleep(LOOK_AGAIN)
        raise HavokError(
            "cli.forward.none",
            f"no pod of {self._boot.name} is ready",
            f"`havok describe {self._boot.name} -n {self._boot.namespace}` says why",
            name=self._boot.name, namespace=self._boot.namespace,
        )  # fmt: skip


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stream: PortForward) -> None:
    """Copy both ways until both sides have ended, or one breaks."""

    async def out() -> None:
        while data := await reader.read(BLOCK):
            await stream.write(data)

    async def back() -> None:
        while data := await stream.read():
            writer.write(data)
            await writer.drain()
        writer.close()

    sending = asyncio.create_task(out())
    try:
        await back()
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError, HavokError):
            await sending
