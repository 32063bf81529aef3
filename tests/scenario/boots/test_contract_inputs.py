"""What the operator's process is told, row by row (contract 2.1): flags, variables, namespaces by suffix."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from havok.boots import names
from havok.codec import Json
from havok.crds import BOOT_REVISIONS
from havok.kube.resources import CONFIGMAPS, LEASES
from scenario.boots.stage import Cluster, Running, boots
from scenario.cli.shell import Shell, write_kubeconfig
from support.controlplane import ControlPlane, free_ports

CONFIG = """
java:
  app: {env: [{name: WHERE, value: "${ENV}"}]}
  oEnvs: {app: {test: {port: 11}, dev: {port: 12}, auto: {port: 13}, staging: {port: 14}, prod: {port: 15}}}
"""
PORTS = {"test": 11, "dev": 12, "auto": 13, "staging": 14, "prod": 15}


@asynccontextmanager
async def serving(shell: Shell, *words: str, **environ: str) -> AsyncIterator[None]:
    """`havok serve operator`, until the block ends; then asked to end, which it does with 0."""
    (port,) = free_ports(1)
    process = shell.start("serve", "operator", "--metrics-port", str(port), *words, **environ)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.to_thread(process.communicate, timeout=20)
        assert process.returncode == 0, err
    finally:
        if process.poll() is None:
            process.kill()
            await asyncio.to_thread(process.communicate)


async def settled(cluster: Cluster, namespace: str, name: str = "demo") -> Json:
    return await cluster.until(
        boots(), name, namespace,
        lambda boot: boot.get("status", {}).get("observedGeneration") == boot["metadata"]["generation"],
    )  # fmt: skip


async def numbers(cluster: Cluster, namespace: str) -> set[str]:
    found = (await cluster.client.list(BOOT_REVISIONS, namespace)).items
    return {one["metadata"]["annotations"][names.REVISION] for one in found}


@pytest.fixture
def shell(boots_plane: ControlPlane, namespace: str, tmp_path: Path) -> Shell:
    return Shell(tmp_path, write_kubeconfig(tmp_path / "kubeconfig", boots_plane, namespace=namespace))


async def test_every_variable_has_its_effect(cluster: Cluster, namespace: str, shell: Shell) -> None:
    watched, also, unwatched = [await cluster.new_namespace("-dev") for _ in range(3)]
    elsewhere = await cluster.new_namespace()
    body = {"metadata": {"name": "ours", "namespace": namespace}, "data": {"config.yaml": CONFIG}}
    await cluster.client.apply(CONFIGMAPS, body, field_manager="person")
    for one in (unwatched, elsewhere, watched, also):
        await cluster.deploy(one)
    variables = {
        "LOGAN_ENV": "dev", "CONFIGMAP_NAME": "ours", "MAX_HISTORY": "2", "BIZ_ENVS": "LAST_DEPLOY, OTHER",
        "WATCH_NAMESPACE": f"{watched},{also},{elsewhere}", "POD_NAME": "operator-0",
        "MUTATION_DEFAULTER": "true", "HAVOK_OPERATOR_NAMESPACE": namespace,
    }  # fmt: skip
    async with serving(shell, **variables):
        for one in (watched, also):
            boot = await settled(cluster, one)
            assert boot["spec"]["port"] == PORTS["dev"]
            assert boot["spec"]["env"] == [{"name": "WHERE", "value": "dev"}]
            assert (await cluster.service(one))["metadata"]["labels"]["logan/env"] == "dev"
        lease = await holder(cluster, "logan-app-operator-lock-dev", namespace)
        assert lease["spec"]["holderIdentity"] == "operator-0"

        for version in ("2.0", "3.0"):
            await cluster.change(watched, version=version)
            await settled(cluster, watched)
        env = [*boot["spec"]["env"], {"name": "LAST_DEPLOY", "value": "now"}, {"name": "OTHER", "value": "x"}]
        await cluster.change(watched, env=env)
        await settled(cluster, watched)
        assert await numbers(cluster, watched) == {"2", "3"}
    for one in (unwatched, elsewhere):
        assert "status" not in await cluster.client.get(boots(), "demo", one)


async def holder(cluster: Cluster, name: str, namespace: str) -> Json:
    return await cluster.until(LEASES, name, namespace, lambda one: bool(one["spec"].get("holderIdentity")))


async def test_a_config_file_is_read_once_in_the_place_of_the_config_map(
    cluster: Cluster, namespace: str, shell: Shell
) -> None:
    await cluster.configure(namespace, "java: {app: {port: 99}}")
    file = shell.write("config.yaml", CONFIG)
    only = {"WATCH_NAMESPACE": namespace}
    async with serving(shell, "-n", namespace, "--config", str(file), **only):
        await cluster.deploy(namespace)
        assert (await settled(cluster, namespace))["spec"]["port"] == PORTS["test"]
        await holder(cluster, "logan-app-operator-lock-test", namespace)
        file.write_text(CONFIG.replace("port: 11", "port: 16"))
        await cluster.configure(namespace, "java: {app: {port: 98}}")
        await cluster.deploy(namespace, "next")
        assert (await settled(cluster, namespace, "next"))["spec"]["port"] == PORTS["test"]


@pytest.mark.parametrize("text", [None, "{xx:123,}"], ids=["missing", "broken"])
async def test_a_config_file_that_cannot_be_used_ends_it_with_1(
    namespace: str, shell: Shell, text: str | None
) -> None:
    if text is not None:
        shell.write("config.yaml", text)
    ended = await asyncio.to_thread(
        shell, "serve", "operator", "-n", namespace, "--config", "config.yaml", "--metrics-port", "0"
    )
    assert ended.code == 1
    assert "the operator does not start with the config file config.yaml" in ended.err
    assert "[boots.config.file]" in ended.err


@pytest.fixture(scope="module")
async def spaces(cluster: Cluster) -> dict[str, str]:
    """A namespace for each suffix."""
    return {suffix: await cluster.new_namespace(suffix) for suffix in ("", "-dev", "-auto")}


@pytest.mark.parametrize(
    ("environment", "handled"),
    [("test", ""), ("dev", "-dev"), ("auto", "-auto"), ("staging", ""), ("prod", "")],
)
async def test_an_environment_has_its_namespaces_and_its_part_of_the_config(
    cluster: Cluster, namespace: str, spaces: dict[str, str], environment: str, handled: str
) -> None:
    await cluster.configure(namespace, CONFIG)
    for one in sorted(spaces, key=lambda suffix: suffix == handled):
        await cluster.deploy(spaces[one], environment)
    watched = tuple(spaces.values())
    async with Running.start(cluster, namespace, environment=environment, watch_namespaces=watched):
        boot = await settled(cluster, spaces[handled], environment)
        assert boot["spec"]["port"] == PORTS[environment]
        assert boot["spec"]["env"] == [{"name": "WHERE", "value": environment}]
        await holder(cluster, f"logan-app-operator-lock-{environment}", namespace)
    for suffix in spaces.keys() - {handled}:
        other = await cluster.client.get(boots(), environment, spaces[suffix])
        assert "status" not in other
        assert other["spec"] == {"image": "harbor/sample", "version": "1.0"}
    for space in spaces.values():
        await cluster.client.delete(boots(), environment, space)
