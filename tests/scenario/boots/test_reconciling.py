"""What runs becomes what the Boot says, stays so, and nobody else's things are touched.

No controller runs beside the operator here; where the Deployment controller counts, the tests play it.
"""

from typing import Any

import pytest

from havok.boots import names
from havok.boots.render import scrape_annotations
from havok.crds import BOOT_KINDS
from havok.kube import NotFound
from havok.kube.resources import CONFIGMAPS, DEPLOYMENTS, SERVICES, STATEFULSETS
from scenario.boots.stage import Cluster, Running, boots, conditions, versions

CONFIG = """
java:
  settings: {registry: "registry.example:5000"}
  app:
    env: [{name: PLATFORM, value: "${APP} in ${ENV}"}]
    container:
      readinessProbe: {initialDelaySeconds: 1}
      startupProbe: {periodSeconds: 1, failureThreshold: 60}
"""


def container(deployment: Any) -> Any:
    return deployment["spec"]["template"]["spec"]["containers"][0]


async def test_six_lines_become_objects_and_a_status(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    boot = await running.settled()
    assert boot["spec"] == {
        "image": "harbor/sample", "version": "1.0", "port": 8080, "replicas": 1, "health": "/health",
        "prometheus": "true",
    }  # fmt: skip
    deployment, service = await cluster.deployment(namespace), await cluster.service(namespace)
    assert container(deployment)["image"] == "harbor/sample:1.0"
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == "1%"
    assert service["spec"]["type"] == "ClusterIP"
    assert service["metadata"]["labels"] == {"app": "demo", "logan/env": "test"}
    for made in (deployment, service):
        (owner,) = made["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (boot["metadata"]["uid"], True)
    status = boot["status"]
    assert (status["services"], status["workload"], status["replicas"]) == ("demo", "Deployment", 1)
    assert status["selector"] == "app=havok,bootName=demo,bootType=java"
    assert conditions(boot)["Ready"] == ("False", "PodsNotReady")
    written = boot["metadata"]["annotations"]
    assert written[names.DEPLOY] == "demo"
    assert written[names.TYPE] == "deploy"


@pytest.mark.parametrize("kind", [kind.kind for kind in BOOT_KINDS])
async def test_every_kind_goes_the_same_way(cluster: Cluster, running: Running, kind: str) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace, kind=kind)
    boot = await running.settled(kind=kind)
    assert boot["status"]["workload"] == "Deployment"
    pods = (await cluster.deployment(namespace))["spec"]["template"]["metadata"]["labels"]
    assert pods["bootType"] == kind.removesuffix("Boot").lower()


async def test_a_stateful_boot_gets_a_stateful_set(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace, workload="StatefulSet")
    boot = await running.settled()
    assert boot["status"]["workload"] == "StatefulSet"
    made = await cluster.client.get(STATEFULSETS, "demo", namespace)
    assert made["spec"]["serviceName"] == "demo-headless"


async def test_pods_that_become_ready_are_reported(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace, replicas=2)
    await running.settled()
    await cluster.report(namespace, replicas=2, readyReplicas=2, updatedReplicas=2, availableReplicas=2)
    boot = await cluster.until(
        boots(), "demo", namespace, lambda boot: boot["status"].get("readyReplicas") == 2
    )
    status = boot["status"]
    assert (status["HPAReplicas"], status["currentReplicas"]) == (2, 2)
    assert conditions(boot) == {
        "Ready": ("True", "AllPodsReady"),
        "Progressing": ("False", "Complete"),
        "Degraded": ("False", "AsWanted"),
        "ConfigCurrent": ("True", "Newest"),
    }
    assert boot["metadata"]["annotations"][names.AVAILABLE] == "2"


async def test_two_quick_updates_end_at_the_second(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    await cluster.change(namespace, version="2.0")
    await cluster.change(namespace, version="3.0")
    await cluster.until(
        DEPLOYMENTS, "demo", namespace, lambda one: container(one)["image"] == "harbor/sample:3.0"
    )
    boot = await running.settled()
    assert boot["spec"]["version"] == "3.0"


async def test_a_deleted_deployment_comes_back(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    await running.settled()
    before = await cluster.deployment(namespace)
    await cluster.client.delete(DEPLOYMENTS, "demo", namespace)
    await cluster.client.delete(SERVICES, "demo", namespace)
    after = await cluster.until(
        DEPLOYMENTS, "demo", namespace, lambda one: one["metadata"]["uid"] != before["metadata"]["uid"]
    )
    assert after["spec"] == before["spec"]
    await cluster.until(SERVICES, "demo", namespace, lambda one: True)


async def test_scaling_the_deployment_by_hand_is_reverted(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace, replicas=2)
    await running.settled()
    await cluster.client.patch(DEPLOYMENTS, "demo", namespace, body={"spec": {"replicas": 9}})
    await cluster.until(DEPLOYMENTS, "demo", namespace, lambda one: one["spec"]["replicas"] == 2)


async def test_scaling_the_boot_scales_the_deployment(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    await running.settled()
    body = {"spec": {"replicas": 4}}
    await cluster.client.patch(boots(), "demo", namespace, body=body, subresource="scale")
    await cluster.until(DEPLOYMENTS, "demo", namespace, lambda one: one["spec"]["replicas"] == 4)


async def test_entries_added_by_hand_are_removed_and_others_stay(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace, env=[{"name": "A", "value": "1"}])
    await running.settled()
    by_hand = {"name": "app", "env": [{"name": "MINE", "value": "1"}], "imagePullPolicy": "Never"}
    body = {"spec": {"template": {"spec": {"containers": [by_hand]}}}}
    await cluster.client.patch(
        DEPLOYMENTS, "demo", namespace, body=body, kind="strategic", field_manager="kubectl-edit"
    )
    healed = await cluster.until(
        DEPLOYMENTS, "demo", namespace,
        lambda one: one["metadata"]["generation"] > 2
        and container(one)["env"] == [{"name": "A", "value": "1"}],
    )  # fmt: skip
    assert "MINE" not in str(container(healed))


async def test_an_entry_removed_from_the_boot_disappears(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace, env=[{"name": "A", "value": "1"}, {"name": "B"}, {"name": "C"}])
    await running.settled()
    await cluster.change(namespace, env=[{"name": "C"}, {"name": "A", "value": "2"}])
    await cluster.until(
        DEPLOYMENTS, "demo", namespace,
        lambda one: container(one)["env"] == [{"name": "C"}, {"name": "A", "value": "2"}],
    )  # fmt: skip


async def test_the_service_keeps_what_others_need(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    await running.settled()
    by_hand = {
        "metadata": {"annotations": {"mesh/x": "1", "prometheus.io/port": "1", "prometheus.io/mine": "1"}},
        "spec": {"ports": [
            {"name": "http", "port": 81, "targetPort": 81, "protocol": "TCP"},
            {"name": "grpc", "port": 9090, "targetPort": 9090, "protocol": "TCP"},
        ]},
    }  # fmt: skip
    await cluster.client.patch(SERVICES, "demo", namespace, body=by_hand)
    await cluster.until(
        SERVICES, "demo", namespace,
        lambda one: {(port["name"], port["port"]) for port in one["spec"]["ports"]}
        == {("http", 8080), ("grpc", 9090)}
        and one["metadata"]["annotations"] == {**scrape_annotations(8080), "mesh/x": "1"},
    )  # fmt: skip


async def test_scraping_turned_off_leaves_no_annotation(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    await running.settled()
    await cluster.change(namespace, prometheus="false")
    await cluster.until(SERVICES, "demo", namespace, lambda one: not one["metadata"].get("annotations"))


async def test_a_restart_outlives_its_annotation(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    await running.settled()
    await annotate(cluster, namespace, "now")
    await cluster.until(DEPLOYMENTS, "demo", namespace, lambda one: restarted_at(one) == "now")
    await annotate(cluster, namespace, None)
    await cluster.change(namespace, version="2.0")
    deployment = await cluster.until(
        DEPLOYMENTS, "demo", namespace, lambda one: container(one)["image"].endswith("2.0")
    )
    assert restarted_at(deployment) == "now"


async def annotate(cluster: Cluster, namespace: str, value: str | None) -> None:
    body = {"metadata": {"annotations": {names.RESTARTED_AT: value}}}
    await cluster.client.patch(boots(), "demo", namespace, body=body)


def restarted_at(deployment: Any) -> str | None:
    metadata = deployment["spec"]["template"]["metadata"]
    found: str | None = metadata.get("annotations", {}).get(names.RESTARTED_AT)
    return found


async def test_a_foreign_deployment_is_left_alone(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    labels = {"app": "havok", "bootName": "demo", "bootType": "java"}
    foreign = {
        "metadata": {"name": "demo"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "x", "image": "x"}]},
            },
        },
    }
    before = await cluster.client.create(DEPLOYMENTS, foreign, namespace)
    await cluster.deploy(namespace)
    boot = await cluster.until(
        boots(), "demo", namespace, lambda boot: bool(boot.get("status", {}).get("conditions"))
    )
    assert conditions(boot)["Degraded"] == ("True", "NotOurs")
    (words,) = (one["message"] for one in boot["status"]["conditions"] if one["type"] == "Degraded")
    assert "Deployment demo exists" in words
    assert f"{names.ADOPT}=demo" in words
    assert (await cluster.deployment(namespace)) == before

    consent = {"metadata": {"annotations": {names.ADOPT: "demo"}}}
    await cluster.client.patch(DEPLOYMENTS, "demo", namespace, body=consent)
    taken = await cluster.until(
        DEPLOYMENTS, "demo", namespace, lambda one: bool(one["metadata"].get("ownerReferences"))
    )
    assert taken["metadata"]["uid"] == before["metadata"]["uid"]


async def test_services_of_others_with_our_labels_stay(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    labels = {"app": "demo", "logan/env": "test"}
    foreign = {"metadata": {"name": "other", "labels": labels}, "spec": {"ports": [{"port": 1}]}}
    await cluster.client.create(SERVICES, foreign, namespace)
    await cluster.deploy(namespace)
    await cluster.until(
        boots(), "demo", namespace, lambda boot: boot.get("status", {}).get("services") == "demo,other"
    )
    assert await cluster.service(namespace, "other")


async def test_what_the_cluster_refuses_is_said_by_a_condition(cluster: Cluster, namespace: str) -> None:
    """Two items of one key make server-side apply answer 500; it must not be tried again for ever."""
    one, two = "{name: s, image: a}", "{name: s, image: b}"
    await cluster.configure(namespace, f"java: {{sideCarContainers: [{one}, {two}]}}")
    async with Running.start(cluster, namespace):
        await cluster.deploy(namespace)
        boot = await cluster.until(
            boots(), "demo", namespace, lambda boot: bool(boot.get("status", {}).get("conditions"))
        )
        assert conditions(boot)["Degraded"] == ("True", "Refused")
        (told,) = [one["message"] for one in boot["status"]["conditions"] if one["type"] == "Degraded"]
        assert ".spec.template.spec.containers: duplicate entries" in told
        assert "in the Boot or else in the central config" in told
        with pytest.raises(NotFound):
            await cluster.deployment(namespace)
        await cluster.configure(namespace, f"java: {{sideCarContainers: [{one}]}}")
        await cluster.until(
            boots(), "demo", namespace, lambda boot: conditions(boot)["Degraded"][0] == "False"
        )


async def test_what_no_pod_can_have_is_said_at_its_field(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace, nodeSelector={"disk": "not a label"})
    boot = await cluster.until(
        boots(), "demo", namespace, lambda boot: bool(boot.get("status", {}).get("conditions"))
    )
    assert conditions(boot)["Degraded"] == ("True", "NodeSelectorInvalid")
    with pytest.raises(NotFound):
        await cluster.deployment(namespace)
    await cluster.change(namespace, nodeSelector={"disk": "ssd"})
    await cluster.until(boots(), "demo", namespace, lambda boot: conditions(boot)["Degraded"][0] == "False")


async def test_a_boot_of_another_environment_is_left_alone(cluster: Cluster, namespace: str) -> None:
    async with Running.start(cluster, namespace, environment="dev") as operator:
        assert operator.options.lease_name == "logan-app-operator-lock-dev"
        await cluster.deploy(namespace)
        async with Running.start(cluster, namespace) as other:
            await other.settled()
        labels = (await cluster.service(namespace))["metadata"]["labels"]
        assert labels["logan/env"] == "test"


async def test_an_operator_that_starts_again_writes_nothing(cluster: Cluster, namespace: str) -> None:
    await cluster.configure(namespace, CONFIG)
    async with Running.start(cluster, namespace) as operator:
        await cluster.deploy(namespace)
        await operator.settled()
        await cluster.report(namespace, replicas=1, readyReplicas=1, updatedReplicas=1)
        await cluster.until(boots(), "demo", namespace, lambda boot: boot["status"].get("readyReplicas") == 1)

    async def state() -> list[str]:
        reads = (cluster.deployment(namespace), cluster.service(namespace))
        return await versions(*reads, cluster.client.get(boots(), "demo", namespace))

    before = await state()
    async with Running.start(cluster, namespace) as operator:
        await cluster.deploy(namespace, "other")
        await operator.settled("other")
        assert await state() == before


async def test_central_config_fills_and_binds_late(cluster: Cluster, namespace: str) -> None:
    await cluster.configure(namespace, CONFIG)
    async with Running.start(cluster, namespace) as operator:
        await cluster.deploy(namespace)
        boot = await operator.settled()
        assert boot["spec"]["env"] == [{"name": "PLATFORM", "value": "demo in test"}]
        first = await cluster.deployment(namespace)
        assert container(first)["image"] == "registry.example:5000/harbor/sample:1.0"
        assert container(first)["readinessProbe"]["initialDelaySeconds"] == 1
        assert container(first)["startupProbe"]["httpGet"]["path"] == "/health"

        await cluster.configure(namespace, CONFIG.replace("registry.example", "other.example"))
        await cluster.until(
            CONFIGMAPS, snapshot_name(CONFIG.replace("registry.example", "other.example")), namespace,
            lambda one: one.get("immutable") is True,
        )  # fmt: skip
        await cluster.change(namespace, replicas=3)
        scaled = await cluster.until(DEPLOYMENTS, "demo", namespace, lambda one: one["spec"]["replicas"] == 3)
        assert scaled["spec"]["template"] == first["spec"]["template"]

        await cluster.client.delete(DEPLOYMENTS, "demo", namespace)
        again = await cluster.until(
            DEPLOYMENTS, "demo", namespace,
            lambda one: one["metadata"]["uid"] != first["metadata"]["uid"],
        )  # fmt: skip
        assert again["spec"]["template"] == first["spec"]["template"]

        await cluster.change(namespace, version="2.0")
        await cluster.until(
            DEPLOYMENTS, "demo", namespace,
            lambda one: container(one)["image"] == "other.example:5000/harbor/sample:2.0",
        )  # fmt: skip


def snapshot_name(text: str) -> str:
    from havok.boots.config import digest_of

    return f"logan-app-config-{digest_of(text)}"


async def test_a_broken_config_changes_nothing_and_says_so(cluster: Cluster, namespace: str) -> None:
    await cluster.configure(namespace, "java: {app: {port: eighty}}")
    async with Running.start(cluster, namespace) as operator:
        await cluster.deploy(namespace)
        boot = await cluster.until(
            boots(), "demo", namespace, lambda boot: bool(boot.get("status", {}).get("conditions"))
        )
        assert conditions(boot)["Degraded"] == ("True", "ConfigBroken")
        with pytest.raises(NotFound):
            await cluster.deployment(namespace)
        await cluster.configure(namespace, CONFIG)
        boot = await operator.settled()
        await cluster.configure(namespace, "java: [")
        await cluster.deploy(namespace, "other")
        await operator.settled("other")
        assert container(await cluster.deployment(namespace, "other"))["image"].startswith("registry.example")
