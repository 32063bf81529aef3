"""The operator as a process: it says how it is, ends at once when asked, and fails with a reason."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from havok.boots.operator import serve
from havok.boots.options import OperatorOptions
from havok.codec import Json, encode_yaml
from havok.errors import HavokError
from havok.kube.resources import EVENTS, LEASES
from scenario.boots.stage import OPERATOR, Cluster, Running, boots
from support.controlplane import ControlPlane, free_ports

PROGRAM = """
import asyncio, sys
from havok import log
from havok.boots.operator import serve
from havok.boots.options import OperatorOptions
log.configure()
kubeconfig, namespace, port = sys.argv[1:]
options = OperatorOptions(
    kubeconfig=kubeconfig, namespace=namespace, metrics_port=int(port), lease_seconds=4.0
)
asyncio.run(serve(options))
"""


@pytest.fixture
def kubeconfig(boots_plane: ControlPlane, tmp_path: Path) -> Path:
    """A kubeconfig of the operator's user."""
    access = boots_plane.access(OPERATOR, ())
    for name, data in (
        ("ca", access.ca),
        ("crt", access.credentials.certificate),
        ("key", access.credentials.key),
    ):
        (tmp_path / name).write_bytes(data or b"")
    user = {"client-certificate": "crt", "client-key": "key"}
    text = encode_yaml({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": access.server, "certificate-authority": "ca"}}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    })  # fmt: skip
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    path.chmod(0o600)
    return path


def reported(boot: Json) -> bool:
    return "observedGeneration" in boot.get("status", {})


@asynccontextmanager
async def process(kubeconfig: Path, namespace: str, port: int) -> AsyncIterator[Process]:
    environment = {**os.environ, "PYTHONPATH": "src"}
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(kubeconfig), namespace, str(port), env=environment
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def get(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0 while nobody listens."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return 0, ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


async def test_a_process_from_start_to_sigterm(cluster: Cluster, namespace: str, kubeconfig: Path) -> None:
    (port,) = free_ports(1)
    async with process(kubeconfig, namespace, port) as operator:
        await cluster.deploy(namespace)
        await cluster.until(
            boots(), "demo", namespace, lambda boot: "observedGeneration" in boot.get("status", {})
        )
        assert await get(port, "/healthz") == (200, "ok\n")
        assert await get(port, "/readyz") == (200, "ok\n")
        status, text = await get(port, "/metrics")
        assert status == 200
        assert 'logan_controller_runtime_reconcile_time_seconds_count{kind="JavaBoot"}' in text
        assert "havok_operator_leading 1.0" in text
        assert (await get(port, "/other"))[0] == 404
        operator.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            assert await operator.wait() == 0
    lease = await cluster.client.get(LEASES, "logan-app-operator-lock-test", namespace)
    assert not lease["spec"].get("holderIdentity")


async def test_a_killed_operator_is_followed_by_the_next(
    cluster: Cluster, namespace: str, kubeconfig: Path
) -> None:
    (port,) = free_ports(1)
    async with process(kubeconfig, namespace, port) as operator:
        await cluster.deploy(namespace)
        await cluster.until(
            boots(), "demo", namespace, lambda boot: "observedGeneration" in boot.get("status", {})
        )
        operator.kill()
    await cluster.change(namespace, version="2.0")
    async with Running.start(cluster, namespace, identity="next") as other:
        boot = await other.settled()
    assert boot["spec"]["version"] == "2.0"


async def test_what_was_done_is_told_by_events(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    await running.settled()
    events = (await cluster.client.list(EVENTS, namespace, fields="involvedObject.name=demo")).items
    told = {event["reason"]: event for event in events}
    assert {"CreatedDeployment", "CreatedService", "UpdatedBootDefaulters"} <= told.keys()
    assert told["CreatedDeployment"]["source"]["component"] == "javaboot-controller"
    assert told["CreatedDeployment"]["type"] == "Normal"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file"),
        ("java:\n  app: {port: x}", "line 2: java.app.port must be"),
        ("", "it is empty"),
    ],
    ids=["missing", "broken", "empty"],
)
async def test_a_useless_config_file_ends_it_with_a_reason(
    kubeconfig: Path, namespace: str, tmp_path: Path, text: str | None, words: str
) -> None:
    file = tmp_path / "config.yaml"
    if text is not None:
        file.write_text(text)
    options = OperatorOptions(
        kubeconfig=str(kubeconfig), namespace=namespace, config_file=file, metrics_port=0
    )
    with pytest.raises(HavokError, match=words) as caught:
        await serve(options)
    assert (caught.value.code, caught.value.exit_code) == ("boots.config.file", 1)


async def test_a_taken_port_ends_it_with_a_reason(kubeconfig: Path, namespace: str) -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    options = OperatorOptions(kubeconfig=str(kubeconfig), namespace=namespace, metrics_port=port)
    async with server:
        with pytest.raises(HavokError) as caught:
            await serve(options)
    assert caught.value.code == "boots.metrics.port"
