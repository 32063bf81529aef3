"""The streaming side of a kubelet, for an API server that has no nodes.

The API server passes logs, exec and port-forward on to it over TLS, as to any node that declares WebSocket
support. "In a container" means as a process of this machine: exec really runs the command, port-forward
really connects.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from havok.clock import utcnow
from havok.kube import Client, certificates
from havok.kube.resources import NODES
from havok.kube.tls import KeyPair, present
from support.controlplane import ControlPlane

NODE = "test-node"


class Kubelet:
    """Serves on loopback; `logs` are the lines each container has written."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self.logs: list[bytes] = [b"first\n", b"second\n"]
        self.more: asyncio.Queue[bytes] = asyncio.Queue()
        """Lines that come while a log is followed; empty bytes end it."""
        self.resized: list[bytes] = []
        self.port = 0

    @asynccontextmanager
    async def serving(self, client: Client) -> AsyncIterator[None]:
        """Listen, and be a node of the cluster."""
        application = web.Application()
        application.router.add_get("/containerLogs/{ns}/{pod}/{container}", self._logs)
        application.router.add_get("/exec/{ns}/{pod}/{container}", self._exec)
        application.router.add_get("/portForward/{ns}/{pod}", self._forward)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._context()).start()
            self.port = runner.addresses[0][1]
            await self._register(client)
            yield
        finally:
            await runner.cleanup()

    async def _register(self, client: Client) -> None:
        await client.apply(NODES, {"metadata": {"name": NODE}}, field_manager="test")
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
            "declaredFeatures": ["ExtendWebSocketsToKubelet"],
        }
        body = {"metadata": {"name": NODE}, "status": status}
        await client.apply(NODES, body, field_manager="test", subresource="status")

    def _context(self) -> ssl.SSLContext:
        leaf = certificates.issue(self._plane.authority, "kubelet", utcnow(), hosts=("127.0.0.1",))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        present(context, KeyPair(leaf.certificate, leaf.key))
        return context

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        count = int(request.query.get("tailLines", len(self.logs)))
        for line in self.logs[len(self.logs) - count :]:
            await response.write(line)
        while request.query.get("follow") == "true" and (line := await self.more.get()):
            await response.write(line)
        await response.write_eof()
        return response

    async def _exec(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io", "v4.channel.k8s.io"))
        await socket.prepare(request)
        for channel in (0, 1, 2, 3):
            await socket.send_bytes(bytes((channel,)))
        try:
            process = await asyncio.create_subprocess_exec(
                *request.query.getall("command"), stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            await socket.send_bytes(b"\3" + _status(message=str(error), reason="InternalError"))
            await socket.close()
            return socket
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(self._feed(socket, process))
            outputs = [
                group.create_task(_copy(stream, socket, channel))
                for channel, stream in ((1, process.stdout), (2, process.stderr))
            ]
            await asyncio.wait(outputs)
            code = await process.wait()
            causes = [{"reason": "ExitCode", "message": str(code)}]
            failed = _status(message=f"exit code {code}", reason="NonZeroExitCode", causes=causes)
            await socket.send_bytes(b"\3" + (failed if code else msgspec.json.encode({"status": "Success"})))
            await socket.close()
            feeding.cancel()
        return socket

    async def _feed(self, socket: web.WebSocketResponse, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        async for message in socket:
            channel, data = message.data[0], message.data[1:]
            if channel == 0:
                process.stdin.write(data)
            elif channel == 4:
                self.resized.append(data)
            elif channel == 255 and data == b"\0":
                process.stdin.close()

    async def _forward(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        port = int(request.query["port"])
        for channel in (0, 1):
            await socket.send_bytes(bytes((channel,)) + port.to_bytes(2, "little"))
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError as error:
            await socket.send_bytes(b"\1" + str(error).encode())
            await socket.close()
            return socket
        async with asyncio.TaskGroup() as group:
            copying = group.create_task(_copy(reader, socket, 0))
            copying.add_done_callback(lambda _: group.create_task(socket.close()))
            async for message in socket:
                if message.type is WSMsgType.BINARY and message.data[0] == 0:
                    writer.write(message.data[1:])
            copying.cancel()
        writer.close()
        return socket


async def _copy(stream: asyncio.StreamReader | None, socket: web.WebSocketResponse, channel: int) -> None:
    while stream is not None and (data := await stream.read(65536)):
        await socket.send_bytes(bytes((channel,)) + data)


def _status(*, message: str, reason: str, causes: list[dict[str, str]] | None = None) -> bytes:
    body: dict[str, Any] = {"kind": "Status", "status": "Failure", "message": message, "reason": reason}
    return msgspec.json.encode({**body, "details": {"causes": causes or []}})
