"""The verbs on revisions, as processes of their own, with an operator that does what they ask."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from havok.crds import BOOT_REVISIONS
from scenario.boots.stage import Cluster, Running, boots
from scenario.cli.shell import Done, Shell, write_kubeconfig
from support.controlplane import ControlPlane

Havok = Callable[..., Awaitable[Done]]


@pytest.fixture
def havok(boots_plane: ControlPlane, namespace: str, tmp_path: Path) -> Havok:
    """`havok` in the test's namespace, as an administrator."""
    shell = Shell(tmp_path, write_kubeconfig(tmp_path / "kubeconfig", boots_plane, namespace=namespace))

    async def call(*words: str) -> Done:
        return await asyncio.to_thread(shell, *words)

    return call


async def second_version(cluster: Cluster, running: Running, namespace: str) -> None:
    """Version 1.0 was healthy; 2.0 is deployed."""
    await cluster.deploy(namespace, replicas=1)
    await running.settled()
    await cluster.report(namespace, replicas=1, updatedReplicas=1, readyReplicas=1)
    await cluster.until(
        BOOT_REVISIONS, "demo-1", namespace,
        lambda one: one["metadata"]["annotations"]["app.logancloud.com/phase"] == "Active",
    )  # fmt: skip
    await cluster.change(namespace, version="2.0")
    await cluster.until(BOOT_REVISIONS, "demo-2", namespace, lambda one: True)
    await running.settled()


async def test_history_and_diff_tell_what_changed(
    cluster: Cluster, running: Running, namespace: str, havok: Havok
) -> None:
    await second_version(cluster, running, namespace)
    rows = [line.split() for line in (await havok("history", "demo", "--no-headers")).out.splitlines()]
    assert [row[:3] for row in rows] == [["1", "Complete", "1.0"], ["2", "Running", "2.0"]]
    assert "version" in rows[1]
    assert (await havok("diff", "demo")).out == "~ spec.version: 1.0 → 2.0\n"
    assert (await havok("diff", "demo", "2", "1")).out == "~ spec.version: 2.0 → 1.0\n"
    missing = await havok("diff", "demo", "9")
    assert missing.code == 3
    assert "kept are: 1, 2" in missing.err


async def test_a_rollback_is_shown_asked_for_and_made(
    cluster: Cluster, running: Running, namespace: str, havok: Havok
) -> None:
    await second_version(cluster, running, namespace)
    shown = await havok("rollback", "demo", "--dry-run")
    assert (shown.code, shown.out) == (0, "~ spec.version: 2.0 → 1.0\n")
    unasked = await havok("rollback", "demo", "--no-input")
    assert (unasked.code, "--yes" in unasked.err) == (2, True)
    done = await havok("rollback", "demo", "1", "--yes", "--reason", "too slow", "--no-wait")
    assert done.code == 0
    made = await cluster.until(BOOT_REVISIONS, "demo-3", namespace, lambda one: True)
    told = made["metadata"]["annotations"]
    assert (told["app.logancloud.com/restored"], told["app.logancloud.com/reason"]) == ("1", "too slow")
    assert made["spec"]["version"] == "1.0"
    assert "= 1 too slow" in (await havok("history", "demo")).out


async def test_restart_scale_pause_and_resume_are_annotations_and_a_subresource(
    cluster: Cluster, running: Running, namespace: str, havok: Havok
) -> None:
    await cluster.deploy(namespace)
    await running.settled()
    assert (await havok("restart", "demo", "--no-wait")).code == 0
    assert (await havok("scale", "demo", "3", "--no-wait")).code == 0
    assert (await havok("pause", "demo", "--for", "2h")).code == 0
    boot = await cluster.client.get(boots(), "demo", namespace)
    annotations = boot["metadata"]["annotations"]
    assert annotations["app.logancloud.com/restartedAt"]
    assert annotations["app.logancloud.com/paused"].endswith("Z")
    assert boot["spec"]["replicas"] == 3
    refused = await havok("restart", "demo")
    assert (refused.code, "havok resume demo" in refused.err) == (5, True)
    assert (await havok("resume", "demo")).code == 0
    boot = await cluster.client.get(boots(), "demo", namespace)
    assert "app.logancloud.com/paused" not in boot["metadata"]["annotations"]
    assert len((await cluster.client.list(BOOT_REVISIONS, namespace)).items) == 1


async def test_a_dry_run_of_deploy_shows_the_boot_and_its_objects(
    cluster: Cluster, running: Running, namespace: str, havok: Havok
) -> None:
    await cluster.deploy(namespace)
    await running.settled()
    flags = ("--name", "demo", "--kind", "java", "--image", "harbor/sample", "--version", "2.0")
    shown = await havok("deploy", *flags, "--dry-run")
    assert shown.code == 0, shown.err
    assert "~ spec.version: 1.0 → 2.0" in shown.err
    image = "deployment/demo.spec.template.spec.containers[app].image"
    assert f"~ {image}: harbor/sample:1.0 → harbor/sample:2.0" in shown.err
    assert (await cluster.client.get(boots(), "demo", namespace))["spec"]["version"] == "1.0"
