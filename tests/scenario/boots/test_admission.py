"""The webhook fills a Boot before the create call returns; without it the operator does, a moment later."""

import asyncio
from pathlib import Path

import pytest

from havok.boots import names
from havok.crds import BOOT_KINDS
from havok.kube import Denied
from havok.kube.resources import DEPLOYMENTS
from scenario.boots.admitting import admission
from scenario.boots.stage import Cluster, Running, boots, conditions

CONFIG = """
java: {settings: {registry: one.example}, app: {replicas: 2, env: [{name: P, value: "${APP}:${PORT}"}]}}
"""
FILLED = {
    "image": "harbor/sample", "version": "1.0", "port": 8080, "replicas": 1, "health": "/health",
    "prometheus": "true",
}  # fmt: skip


@pytest.mark.parametrize("kind", [kind.kind for kind in BOOT_KINDS])
async def test_defaults_are_visible_when_create_returns(
    cluster: Cluster, admitting: Running, kind: str
) -> None:
    made = await cluster.deploy(admitting.options.namespace, kind=kind)
    assert made["spec"] == FILLED
    assert made["metadata"]["annotations"][names.LAST_IMAGE] == "harbor/sample:1.0"


async def test_the_central_config_fills_too(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    await cluster.configure(namespace, CONFIG)
    async with asyncio.timeout(20):
        made = await cluster.deploy(namespace, "first")
        while made["spec"]["replicas"] != 2:
            made = await cluster.client.create(
                boots(), {"metadata": {"name": "probe"}, "spec": {"image": "a", "version": "1"}},
                namespace, dry_run=True,
            )  # fmt: skip
    made = await cluster.deploy(namespace)
    assert made["spec"]["env"] == [{"name": "P", "value": "demo:8080"}]


async def test_a_change_is_stamped_and_a_status_is_not(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    await cluster.deploy(namespace)
    boot = await admitting.settled()
    assert names.LAST_UPDATE not in boot["metadata"]["annotations"]
    changed = await cluster.change(namespace, version="2.0")
    assert changed["metadata"]["annotations"][names.LAST_UPDATE].startswith('"20')


async def test_two_lengths_are_refused_in_exact_words(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    for claim, words in (
        ({"name": "", "mountPath": "/a"}, "spec.pvc.name in body should be at least 1 chars long"),
        ({"name": "x" * 64, "mountPath": "/a"}, "spec.pvc.name in body should be at most 63 chars long"),
        ({"name": "x", "mountPath": ""}, "spec.pvc.mountPath in body should be at least 1 chars long"),
    ):
        with pytest.raises(Denied) as caught:
            await cluster.deploy(namespace, pvc=[claim])
        assert words in caught.value.message


async def test_a_dry_run_leaves_nothing(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    body = {"metadata": {"name": "dry"}, "spec": {"image": "a", "version": "1"}}
    await cluster.client.create(boots(), body, namespace, dry_run=True)
    assert (await cluster.client.list(boots(), namespace)).items == []
    assert (await cluster.client.list(DEPLOYMENTS, namespace)).items == []


async def test_negative_and_zero_become_defaults_but_a_written_zero_stays(
    cluster: Cluster, admitting: Running
) -> None:
    namespace = admitting.options.namespace
    made = await cluster.deploy(namespace, replicas=-1, port=0, workload="Job")
    assert (made["spec"]["replicas"], made["spec"]["port"]) == (1, 8080)
    assert made["spec"]["workload"] == "Deployment"
    made = await cluster.deploy(namespace, "asleep", replicas=0)
    assert made["spec"]["replicas"] == 0


async def test_scaling_does_not_bring_a_newer_config_in(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    await cluster.deploy(namespace)
    await admitting.settled()
    await cluster.configure(namespace, "java: {app: {nodeSelector: {disk: ssd}}}")
    async with asyncio.timeout(20):
        while True:
            body = {"metadata": {"name": "probe"}, "spec": {"image": "a", "version": "1"}}
            tried = await cluster.client.create(boots(), body, namespace, dry_run=True)
            if "nodeSelector" in tried["spec"]:
                break
    scaled = await cluster.change(namespace, replicas=3)
    assert "nodeSelector" not in scaled["spec"]
    deployed = await cluster.change(namespace, version="2.0")
    assert deployed["spec"]["nodeSelector"] == {"disk": "ssd"}


async def test_with_the_webhook_down_the_operator_fills_the_same(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    async with admission(cluster, namespace, tmp_path, webhook_failure_policy="Ignore") as operator:
        await operator.stopped()
        made = await cluster.deploy(namespace)
    assert made["spec"] == {"image": "harbor/sample", "version": "1.0"}
    async with Running.start(cluster, namespace) as operator:
        boot = await operator.settled()
        assert boot["spec"] == FILLED
        assert conditions(boot)["Degraded"] == ("False", "AsWanted")
