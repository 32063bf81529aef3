"""Small proxies on loopback, real ones: HTTP CONNECT, the same over TLS, and SOCKS5 (RFC 1928, RFC 1929).

They note which targets they were asked for, so that a test can tell that a connection went through them.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass
class Asked:
    """What a proxy lived through. `login` is the name:password that it wants; empty: anybody may."""

    url: str = ""
    login: str = ""
    targets: list[str] = field(default_factory=list)
    refuse: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


Handshake: TypeAlias = Callable[
    [Asked, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[tuple[str, int] | None]
]


@asynccontextmanager
async def http_proxy(*, login: str = "", tls: ssl.SSLContext | None = None) -> AsyncIterator[Asked]:
    """A proxy that knows CONNECT."""
    asked = Asked(login=login)
    async with _serving(asked, _connect, "https" if tls else "http", tls):
        yield asked


@asynccontextmanager
async def socks_proxy(*, login: str = "") -> AsyncIterator[Asked]:
    """A SOCKS5 proxy; names are looked up by it."""
    asked = Asked(login=login)
    async with _serving(asked, _socks, "socks5", None):
        yield asked


@asynccontextmanager
async def _serving(
    asked: Asked, shake_hands: Handshake, scheme: str, tls: ssl.SSLContext | None
) -> AsyncIterator[None]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        asked.tasks.add(task)
        try:
            target = await shake_hands(asked, reader, writer)
            if target:
                await _pump(reader, writer, *target)
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever left, left
        finally:
            asked.tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    asked.url = f"{scheme}://{f'{asked.login}@' if asked.login else ''}127.0.0.1:{port}"
    try:
        yield
    finally:
        server.close()
        for task in list(asked.tasks):
            task.cancel()
        if asked.tasks:
            await asyncio.wait(asked.tasks)


async def _connect(
    asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[str, int] | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, target, _ = head.split(" ", 2)
    wanted = f"Basic {base64.b64encode(asked.login.encode()).decode()}"
    if asked.login and f"proxy-authorization: {wanted}".lower() not in head.lower():
        await _say(writer, "407 Proxy Authentication Required")
        return None
    if asked.refuse or method != "CONNECT":
        await _say(writer, "403 Forbidden")
        return None
    asked.targets.append(target)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await writer.drain()
    host, _, port = target.rpartition(":")
    return host, int(port)


async def _say(writer: asyncio.StreamWriter, status: str) -> None:
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
    await writer.drain()


async def _socks(
    asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[str, int] | None:
    _, count = await reader.readexactly(2)
    methods = await reader.readexactly(count)
    method = 2 if asked.login else 0
    writer.write(bytes([5, method if method in methods else 255]))
    if asked.login and not await _signed_in(asked, reader, writer):
        return None
    _, _, _, kind = await reader.readexactly(4)
    size = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
    address = await reader.readexactly(size)
    port = int.from_bytes(await reader.readexactly(2))
    host = address.decode() if kind == 3 else ".".join(map(str, address))
    asked.targets.append(f"{host}:{port}")
    writer.write(bytes([5, 2 if asked.refuse else 0, 0, 1, 0, 0, 0, 0, 0, 0]))
    await writer.drain()
    return None if asked.refuse else (host, port)


async def _signed_in(asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    _, size = await reader.readexactly(2)
    name = await reader.readexactly(size)
    password = await reader.readexactly((await reader.readexactly(1))[0])
    known = name + b":" + password == asked.login.encode()
    writer.write(bytes([1, 0 if known else 1]))
    await writer.drain()
    return known


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    # Names mean this machine here: what a proxy looks up, its client must not.
    there_in, there_out = await asyncio.open_connection("127.0.0.1" if not host[0].isdigit() else host, port)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(reader, there_out))
            group.create_task(_copy(there_in, writer))
    finally:
        there_out.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while block := await source.read(65536):
            sink.write(block)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
    except OSError:
        sink.close()
