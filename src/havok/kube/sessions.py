"""exec and port-forward: byte streams through the API server, over WebSockets.

Protocol: each message is one byte of channel and then the data. ``v5.channel.k8s.io`` can close one channel
(KEP-4006), so a program sees the end of its input; on older servers, with v4, it does not. A port-forward is
one TCP connection: channel 0 carries data, channel 1 the error, and each first sends the port.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from havok.kube.errors import KubeError, Status, Unreachable

if TYPE_CHECKING:
    import aiohttp

    from havok.kube.access import Impersonation
    from havok.kube.transport import Transport

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
ERROR: Final = 3
RESIZE: Final = 4
CLOSE: Final = 255

EXEC_PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
FORWARD_PROTOCOLS: Final = ("v4.channel.k8s.io",)


class ExecSession:
    """One running command. Read until None; `exit_code` is known then."""

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse", server: str) -> None:
        self._socket = socket
        self._server = server
        self.exit_code: int | None = None
        """The command's exit code; None while it runs."""

    async def read(self) -> tuple[int, bytes] | None:
        """(STDOUT or STDERR, bytes), or None at the end. Raises KubeError when the command could not run."""
        while (message := await _receive(self._socket, self._server)) is not None:
            channel, data = message
            if not data:
                # Servers open each channel with an empty message.
                continue
            if channel == ERROR:
                self.exit_code = exit_code_of(data)
            elif channel in (STDOUT, STDERR):
                return channel, data
        if self.exit_code is None:
            raise _broken(self._server, "the stream ended before the command did")
        return None

    async def write(self, data: bytes) -> None:
        """Send to the command's standard input."""
        await _send(self._socket, self._server, bytes((STDIN,)) + data)

    async def close_stdin(self) -> None:
        """Tell the command that its input ended. Does nothing on servers that only speak v4."""
        if self._socket.protocol == EXEC_PROTOCOLS[0]:
            await _send(self._socket, self._server, bytes((CLOSE, STDIN)))

    async def resize(self, columns: int, rows: int) -> None:
        """Tell the command's terminal its size in characters."""
        size = msgspec.json.encode({"Width": columns, "Height": rows})
        await _send(self._socket, self._server, bytes((RESIZE,)) + size)


class PortForward:
    """One TCP connection to a port of a pod."""

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse", server: str, port: int) -> None:
        self._socket = socket
        self._server = server
        self._port = port
        self._opened: set[int] = set()

    async def read(self) -> bytes:
        """The next bytes; empty at the end. Raises KubeError `kube.forward.refused`."""
        while (message := await _receive(self._socket, self._server)) is not None:
            channel, data = message
            if channel not in self._opened:
                # The first message of each channel repeats the port in two bytes.
                self._opened.add(channel)
                data = data[2:]
            if channel == 1 and data:
                raise self._refused(data.decode("utf-8", "replace").strip())
            if channel == 0 and data:
                return data
        return b""

    async def write(self, data: bytes) -> None:
        """Send bytes to the pod."""
        await _send(self._socket, self._server, b"\0" + data)

    async def close(self) -> None:
        """End the connection."""
        await self._socket.close()

    def _refused(self, detail: str) -> KubeError:
        return KubeError(
            "kube.forward.refused",
            f"the pod does not take connections on port {self._port}: {detail}",
            "check that the app listens on that port, on all addresses of the pod",
            port=self._port, detail=detail,
        )  # fmt: skip


@asynccontextmanager
async def open_exec(
    transport: "Transport", path: str, params: list[tuple[str, str]], impersonate: "Impersonation | None"
) -> AsyncIterator[ExecSession]:
    """The session behind `Client.exec`."""
    server = transport.access.server
    async with _websocket(transport, path, params, EXEC_PROTOCOLS, impersonate) as socket:
        yield ExecSession(socket, server)


@asynccontextmanager
async def open_port_forward(
    transport: "Transport", path: str, port: int, impersonate: "Impersonation | None"
) -> AsyncIterator[PortForward]:
    """The connection behind `Client.port_forward`."""
    params = [("ports", str(port))]
    async with _websocket(transport, path, params, FORWARD_PROTOCOLS, impersonate) as socket:
        yield PortForward(socket, transport.access.server, port)


def exit_code_of(data: bytes) -> int:
    """The exit code that the error channel's Status tells. Raises KubeError `kube.exec.failed`."""
    try:
        status = msgspec.json.decode(data, type=Status)
    except msgspec.MsgspecError as error:
        raise _not_run(data.decode("utf-8", "replace").strip()) from error
    if status.reason != "NonZeroExitCode":
        if status.message:
            raise _not_run(status.message)
        return 0
    causes = (status.details.causes if status.details else None) or ()
    code = next((cause.message for cause in causes if cause.reason == "ExitCode"), "")
    return int(code) if code.isdecimal() else 1


def _websocket(
    transport: "Transport",
    path: str,
    params: list[tuple[str, str]],
    protocols: tuple[str, ...],
    impersonate: "Impersonation | None",
) -> "AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]":
    return transport.websocket(path, params=params, protocols=protocols, impersonate=impersonate)


async def _receive(socket: "aiohttp.ClientWebSocketResponse", server: str) -> tuple[int, bytes] | None:
    from aiohttp import WSMsgType

    while True:
        message = await socket.receive()
        if message.type is WSMsgType.BINARY:
            data: bytes = message.data
            if data:
                return data[0], data[1:]
        elif message.type is WSMsgType.ERROR:
            raise _broken(server, str(socket.exception() or "protocol error"))
        elif message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING):
            return None


async def _send(socket: "aiohttp.ClientWebSocketResponse", server: str, data: bytes) -> None:
    from aiohttp import ClientError

    try:
        await socket.send_bytes(data)
    except (TimeoutError, ClientError, OSError) as error:
        raise _broken(server, str(error) or type(error).__name__) from error


def _broken(server: str, cause: str) -> Unreachable:
    return Unreachable(
        "kube.stream.broken",
        f"the connection through {server} broke: {cause}",
        "try again; the node may have restarted",
        server=server, cause=cause,
    )  # fmt: skip


def _not_run(detail: str) -> KubeError:
    return KubeError(
        "kube.exec.failed",
        f"the command could not run: {detail}",
        "check the name of the container and that the program exists in its image",
        detail=detail,
    )
