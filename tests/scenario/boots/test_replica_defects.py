"""Defects of the Go operator that show with two replicas, by number of contract 8.1: all absent.

Both replicas stand behind one address; the first may be a process of its own, which can be killed.
"""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from havok.codec import encode_json
from havok.kube.resources import CONFIGMAPS, LEASES
from scenario.boots.replicas import Balancer, env_of, wired
from scenario.boots.stage import Cluster, Running, boots
from scenario.boots.test_process import kubeconfig as kubeconfig
from support.controlplane import free_ports

PROGRAM = """
import asyncio, sys
from havok import log
from havok.boots.operator import serve
from havok.boots.options import OperatorOptions
log.configure()
kubeconfig, namespace, metrics, webhook, url = sys.argv[1:]
options = OperatorOptions(
    kubeconfig=kubeconfig, namespace=namespace, watch_namespaces=(namespace,), metrics_port=int(metrics),
    webhook_port=int(webhook), webhook_url=url, lease_seconds=4.0, identity="first",
)
asyncio.run(serve(options))
"""


@asynccontextmanager
async def first_replica(kubeconfig: Path, namespace: str, port: int, url: str) -> AsyncIterator[Process]:
    """An operator in a process of its own, which can be killed."""
    words = (str(kubeconfig), namespace, str(free_ports(1)[0]), str(port), url)
    environment = {**os.environ, "PYTHONPATH": "src"}
    started = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, *words, env=environment)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


def pair(value: str) -> str:
    """A config of which only both halves together are whole."""
    env = [{"name": name, "value": value} for name in ("LEFT", "RIGHT")]
    return encode_json({"java": {"app": {"env": env}}}).decode()


async def test_defect_5_a_config_is_never_torn_nor_loaded_by_asking_and_reaches_every_replica(
    cluster: Cluster, namespace: str
) -> None:
    ports = free_ports(3)
    url = f"https://127.0.0.1:{ports[2]}"
    await cluster.configure(namespace, pair("0"))
    options: dict[str, Any] = {"webhook_url": url}
    async with (
        wired(cluster),
        Balancer(*ports[:2]).serve(ports[2]),
        Running.start(cluster, namespace, webhook_port=ports[0], **options),
        Running.start(cluster, namespace, webhook_port=ports[1], identity="second", **options),
    ):
        for port in ports[:2]:
            await until_filled(port, namespace, "0")
        body = {"data": {"config.yaml": pair("dry")}}
        name = "logan-app-operator-config"
        await cluster.client.patch(CONFIGMAPS, name, namespace, body=body, dry_run=True)
        assert [await env_of(port, namespace) for port in ports[:2]] == [{"LEFT": "0", "RIGHT": "0"}] * 2
        for turn in range(1, 6):
            writing = asyncio.create_task(cluster.configure(namespace, pair(str(turn))))
            answers = await asyncio.gather(*(env_of(port, namespace) for port in ports[:2] * 6))
            await writing
            assert all(one["LEFT"] == one["RIGHT"] for one in answers)
        for port in ports[:2]:
            await until_filled(port, namespace, "5")


async def until_filled(port: int, namespace: str, value: str) -> None:
    """Wait until the replica on this port listens and fills from this config; each look is a request."""
    async with asyncio.timeout(20):
        while True:
            try:
                if await env_of(port, namespace) == {"LEFT": value, "RIGHT": value}:
                    return
            except OSError:
                await asyncio.sleep(0.05)  # it does not listen yet


async def test_defect_19_when_the_leader_is_killed_the_other_goes_on(
    cluster: Cluster, namespace: str, kubeconfig: Path
) -> None:
    ports = free_ports(3)
    url = f"https://127.0.0.1:{ports[2]}"
    async with (
        wired(cluster),
        Balancer(*ports[:2]).serve(ports[2]),
        first_replica(kubeconfig, namespace, ports[0], url) as first,
    ):
        await cluster.until(
                LEASES, "logan-app-operator-lock-test", namespace,
                lambda lease: lease["spec"].get("holderIdentity") == "first",
            )  # fmt: skip
        async with Running.start(
            cluster, namespace, webhook_port=ports[1], webhook_url=url, identity="second"
        ) as second:
            for port in ports[:2]:
                await until_answers(port, namespace)
            await until_wired(cluster, namespace)
            await cluster.deploy(namespace, "before")
            await second.settled("before")
            first.kill()
            await first.wait()
            # no leader now, and yet each change is filled and taken
            for number in range(5):
                made = await cluster.deploy(namespace, f"meanwhile-{number}")
                assert made["spec"]["port"] == 8080
            await cluster.change(namespace, "before", version="2.0")
            for name in ("before", *(f"meanwhile-{number}" for number in range(5))):
                await second.settled(name)
            lease = await cluster.client.get(LEASES, "logan-app-operator-lock-test", namespace)
            assert lease["spec"]["holderIdentity"] == "second"


async def until_answers(port: int, namespace: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await env_of(port, namespace)
            except OSError:
                await asyncio.sleep(0.05)  # it does not listen yet
            else:
                return


async def until_wired(cluster: Cluster, namespace: str) -> None:
    """Wait until the API server asks the webhook; each look is a request."""
    body = {"metadata": {"name": "probe"}, "spec": {"image": "a", "version": "1"}}
    async with asyncio.timeout(20):
        while "port" not in (await cluster.client.create(boots(), body, namespace, dry_run=True))["spec"]:
            pass
