"""Logs, exec and port-forward through a real API server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from havok.kube import Client, KubeError, NotFound
from havok.kube.resources import PODS
from havok.kube.sessions import STDERR, STDOUT, ExecSession
from support.controlplane import ControlPlane
from support.kubelet import NODE, Kubelet


@pytest.fixture
async def kubelet(client: Client, control_plane: ControlPlane, namespace: str) -> AsyncIterator[Kubelet]:
    kubelet = Kubelet(control_plane)
    async with kubelet.serving(client):
        spec = {"nodeName": NODE, "containers": [{"name": "app", "image": "none"}]}
        await client.create(PODS, {"metadata": {"name": "p"}, "spec": spec}, namespace)
        yield kubelet


async def output(session: ExecSession) -> dict[int, bytes]:
    found = {STDOUT: b"", STDERR: b""}
    while (block := await session.read()) is not None:
        found[block[0]] += block[1]
    return found


@pytest.mark.usefixtures("kubelet")
async def test_a_log_is_read_from_its_end(client: Client, namespace: str) -> None:
    assert b"".join([block async for block in client.logs("p", namespace)]) == b"first\nsecond\n"
    assert b"".join([block async for block in client.logs("p", namespace, tail=1)]) == b"second\n"


async def test_a_log_is_followed_line_by_line_and_left_at_any_time(
    client: Client, namespace: str, kubelet: Kubelet
) -> None:
    async with aclosing(client.logs("p", namespace, container="app", follow=True, tail=0)) as blocks:
        kubelet.more.put_nowait(b"third\n")
        assert await anext(blocks) == b"third\n"
        kubelet.more.put_nowait(b"fourth\n")
        assert await anext(blocks) == b"fourth\n"
    kubelet.more.put_nowait(b"")


@pytest.mark.usefixtures("kubelet")
async def test_a_command_runs_and_says_how_it_ended(client: Client, namespace: str) -> None:
    command = ["sh", "-c", "echo out; echo err >&2; exit 7"]
    async with client.exec("p", namespace, command, container="app") as session:
        assert await output(session) == {STDOUT: b"out\n", STDERR: b"err\n"}
        assert session.exit_code == 7
    async with client.exec("p", namespace, ["true"]) as session:
        assert await output(session) == {STDOUT: b"", STDERR: b""}
        assert session.exit_code == 0


async def test_a_command_gets_its_input_and_the_end_of_it(
    client: Client, namespace: str, kubelet: Kubelet
) -> None:
    async with client.exec("p", namespace, ["tr", "a-z", "A-Z"], stdin=True) as session:
        await session.write(b"hello ")
        await session.write("world 你好".encode())
        await session.resize(120, 40)
        await session.close_stdin()
        assert (await output(session))[STDOUT] == "HELLO WORLD 你好".encode()
        assert session.exit_code == 0
    assert kubelet.resized == [b'{"Width":120,"Height":40}']


@pytest.mark.usefixtures("kubelet")
async def test_much_output_comes_whole(client: Client, namespace: str) -> None:
    async with client.exec("p", namespace, ["seq", "200000"]) as session:
        assert (await output(session))[STDOUT].splitlines()[-1] == b"200000"


@pytest.mark.usefixtures("kubelet")
async def test_what_cannot_run_is_an_error(client: Client, namespace: str) -> None:
    async with client.exec("p", namespace, ["no-such-program"]) as session:
        with pytest.raises(KubeError) as caught:
            await output(session)
    assert caught.value.code == "kube.exec.failed"
    with pytest.raises(NotFound):
        async with client.exec("q", namespace, ["true"]):
            pytest.fail("there is no such pod")
    with pytest.raises(KubeError) as wrong:
        async with client.exec("p", namespace, ["true"], container="other"):
            pytest.fail("there is no such container")
    assert "container other is not valid" in wrong.value.message


@pytest.mark.usefixtures("kubelet")
async def test_a_port_of_a_pod_is_reached(client: Client, namespace: str) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data.upper())
            if data.endswith(b"!"):
                break
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, client.port_forward("p", namespace, port) as connection:
        await connection.write(b"hello")
        assert await connection.read() == b"HELLO"
        await connection.write(b"bye!")
        assert await connection.read() == b"BYE!"
        assert await connection.read() == b""


@pytest.mark.usefixtures("kubelet")
async def test_a_port_where_nothing_listens_is_refused(client: Client, namespace: str) -> None:
    async with client.port_forward("p", namespace, 1) as connection:
        with pytest.raises(KubeError) as caught:
            await connection.read()
    assert caught.value.code == "kube.forward.refused"
