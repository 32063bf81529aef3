"""Every object of contract section 3 on the real API server: made, corrected, removed, never another's."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from havok.boots import names
from havok.codec import Json
from havok.kube import NotFound
from havok.kube.resources import (
    DEPLOYMENTS,
    EVENTS,
    HPAS,
    INGRESSES,
    PVCS,
    SERVICES,
    STATEFULSETS,
    Resource,
)
from scenario.boots.stage import Cluster, Running, boots, conditions

CONFIG = """
java:
  sideCarContainers:
  - {name: side, image: s, ports: [{name: web, containerPort: 81}, {containerPort: 82},
     {name: dns, containerPort: 53, protocol: UDP}, {name: headless, containerPort: 83}]}
  app:
    nodePort: true
    ingress: {host: "${APP}.${ENV}.example.com", className: nginx, tls: "${APP}-tls"}
    podSpec:
      volumes: [{name: "${APP}-log", emptyDir: {}}]
      imagePullSecrets: [{name: pull}]
      serviceAccountName: robot
      tolerations: [{key: gpu, operator: Exists}]
      securityContext: {runAsNonRoot: true}
    container: {volumeMounts: [{name: "${APP}-log", mountPath: /log}]}
  oEnvs: {}
"""


async def gone(cluster: Cluster, resource: Resource, name: str, namespace: str) -> None:
    """Wait until an object is not there; told by its neighbours' watch, asked again after each change."""
    async with asyncio.timeout(10):
        while True:
            try:
                await cluster.client.get(resource, name, namespace)
            except NotFound:
                return
            await asyncio.sleep(0.05)


async def claim(cluster: Cluster, namespace: str, *claims: str) -> None:
    """Volume claims that belong to the app demo by their labels."""
    labels = {"app": "havok", "bootName": "demo", "bootType": "java"}
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    for name in claims:
        await cluster.client.create(
            PVCS, {"metadata": {"name": name, "labels": labels}, "spec": size}, namespace
        )


async def test_a_stateful_set_has_a_headless_service_of_its_own(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace, workload="StatefulSet")
    boot = await running.settled()
    made = await cluster.client.get(STATEFULSETS, "demo", namespace)
    headless = await cluster.until(SERVICES, "demo-headless", namespace, lambda one: True)
    assert made["spec"]["serviceName"] == "demo-headless"
    assert headless["spec"]["clusterIP"] == "None"
    assert not headless["metadata"].get("labels")
    assert boot["status"]["services"] == "demo"
    assert boot["metadata"]["annotations"][names.TYPE] == "deploy"


async def test_an_autoscaler_is_written_as_v2_and_follows_the_boot(
    cluster: Cluster, running: Running
) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace, hpa={"enable": True})
    boot = await running.settled()
    assert boot["spec"]["hpa"]["minReplicas"] == 1
    assert boot["spec"]["hpa"]["maxReplicas"] == 5
    made = await cluster.until(HPAS, "demo", namespace, lambda one: True)
    assert made["spec"]["scaleTargetRef"] == {
        "apiVersion": "app.logancloud.com/v1", "kind": "JavaBoot", "name": "demo",
    }  # fmt: skip
    (metric,) = made["spec"]["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 80}
    assert not made["metadata"].get("labels")

    old = {"type": "Pods", "pods": {"metricName": "qps", "targetAverageValue": "1000m"}}
    new = {"type": "Resource", "resource": {
        "name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}}  # fmt: skip
    await cluster.change(namespace, hpa={"maxReplicas": 9, "metrics": [old, new]})
    both = await cluster.until(HPAS, "demo", namespace, lambda one: one["spec"]["maxReplicas"] == 9)
    assert [one["type"] for one in both["spec"]["metrics"]] == ["Pods", "Resource"]
    assert both["spec"]["metrics"][0]["pods"]["target"] == {"type": "AverageValue", "averageValue": "1"}

    by_hand = {"spec": {"minReplicas": 3, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 1}}}}
    await cluster.client.patch(HPAS, "demo", namespace, body=by_hand)
    healed = await cluster.until(HPAS, "demo", namespace, lambda one: one["spec"]["minReplicas"] == 1)
    assert healed["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 1

    await cluster.change(namespace, hpa={"enable": False})
    await gone(cluster, HPAS, "demo", namespace)


async def test_an_autoscaler_of_somebody_else_is_never_touched(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}
    foreign = {"metadata": {"name": "demo"}, "spec": {"scaleTargetRef": target, "maxReplicas": 2}}
    before = await cluster.client.create(HPAS, foreign, namespace)
    await cluster.deploy(namespace)
    await running.settled()
    assert await cluster.client.get(HPAS, "demo", namespace) == before
    await cluster.change(namespace, hpa={"enable": True})
    boot = await cluster.until(
        boots(), "demo", namespace, lambda boot: conditions(boot)["Degraded"] == ("True", "NotOurs")
    )
    assert "HorizontalPodAutoscaler demo exists" in str(boot["status"]["conditions"])
    assert await cluster.client.get(HPAS, "demo", namespace) == before
    assert await cluster.service(namespace)


@pytest.fixture
async def dev(cluster: Cluster, namespace: str) -> AsyncIterator[tuple[Running, str]]:
    """Environments test and dev served by one operator, and a namespace of dev."""
    await cluster.configure(namespace, CONFIG)
    own = await cluster.new_namespace(suffix="-dev")
    async with Running.start(
        cluster, namespace, beside=("dev",), watch_namespaces=(namespace, own)
    ) as operator:
        yield operator, own


async def test_one_operator_serves_two_environments_by_the_suffix(
    cluster: Cluster, dev: tuple[Running, str]
) -> None:
    operator, own = dev
    await cluster.deploy(operator.options.namespace)
    boot = await operator.settled()
    await cluster.deploy(own)
    other = await settled_in(cluster, own)
    assert boot["status"]["services"] == "demo,demo-dns,demo-headless,demo-web"
    assert other["status"]["services"] == "demo,demo-dns,demo-external,demo-headless,demo-web"
    labels = (await cluster.service(own))["metadata"]["labels"]
    assert labels == {"app": "demo", "logan/env": "dev"}
    ingress = await cluster.until(INGRESSES, "demo", own, lambda one: True)
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert ingress["spec"]["rules"][0]["host"] == "demo.dev.example.com"
    assert ingress["spec"]["tls"] == [{"hosts": ["demo.dev.example.com"], "secretName": "demo-tls"}]
    assert ingress["metadata"]["ownerReferences"][0]["uid"] == other["metadata"]["uid"]


async def settled_in(cluster: Cluster, namespace: str) -> Json:
    return await cluster.until(
        boots(), "demo", namespace,
        lambda boot: boot.get("status", {}).get("observedGeneration") == boot["metadata"]["generation"]
        and "demo-web" in boot["status"].get("services", ""),
    )  # fmt: skip


async def test_defect_16_a_node_port_has_the_number_of_its_service(
    cluster: Cluster, dev: tuple[Running, str]
) -> None:
    _, own = dev
    await cluster.deploy(own)
    made = await cluster.until(
        SERVICES, "demo-external", own,
        lambda one: one["spec"]["ports"][0]["port"] == one["spec"]["ports"][0]["nodePort"],
    )  # fmt: skip
    (port,) = made["spec"]["ports"]
    assert (made["spec"]["type"], port["name"], port["targetPort"]) == ("NodePort", "http", 8080)
    assert not made["metadata"].get("annotations")

    await cluster.change(own, port=9090)
    moved = await cluster.until(
        SERVICES, "demo-external", own, lambda one: one["spec"]["ports"][0]["targetPort"] == 9090
    )
    assert moved["spec"]["ports"][0]["nodePort"] == port["nodePort"]
    await cluster.change(own, nodePort="false")
    await gone(cluster, SERVICES, "demo-external", own)
    await cluster.change(own, nodePort="true")
    await cluster.until(SERVICES, "demo-external", own, lambda one: True)


async def test_sidecars_are_reached_by_services_of_their_own(
    cluster: Cluster, dev: tuple[Running, str]
) -> None:
    operator, _ = dev
    namespace = operator.options.namespace
    await cluster.deploy(namespace)
    await settled_in(cluster, namespace)
    web, dns = await cluster.service(namespace, "demo-web"), await cluster.service(namespace, "demo-dns")
    assert web["metadata"]["annotations"]["prometheus.io/port"] == "81"
    assert (web["spec"]["ports"][0]["name"], web["spec"]["ports"][0]["targetPort"]) == ("http", 81)
    assert dns["spec"]["ports"][0]["protocol"] == "UDP"

    await cluster.client.patch(
        SERVICES, "demo-web", namespace, body={"spec": {"sessionAffinity": "ClientIP"}}
    )
    await cluster.until(SERVICES, "demo-web", namespace, lambda one: one["spec"]["sessionAffinity"] == "None")
    await cluster.client.delete(SERVICES, "demo-web", namespace)
    await cluster.until(
        SERVICES, "demo-web", namespace, lambda one: one["metadata"]["uid"] != web["metadata"]["uid"]
    )

    deployment = await cluster.deployment(namespace)
    containers = deployment["spec"]["template"]["spec"]["containers"]
    containers[1]["ports"] = [{"name": "web", "containerPort": 81}]
    await put(cluster, DEPLOYMENTS, deployment)
    await gone(cluster, SERVICES, "demo-dns", namespace)
    assert await cluster.service(namespace, "demo-web")


async def test_defect_12_own_services_of_another_environment_are_given_their_labels(
    cluster: Cluster, namespace: str
) -> None:
    async with Running.start(cluster, namespace, environment="test") as operator:
        await cluster.deploy(namespace)
        await operator.settled()
    async with Running.start(cluster, namespace, environment="staging"):
        await cluster.until(
            SERVICES, "demo", namespace, lambda one: one["metadata"]["labels"]["logan/env"] == "staging"
        )
        await cluster.until(boots(), "demo", namespace, lambda boot: boot["status"].get("services") == "demo")


async def test_config_pod_spec_reaches_the_pods(cluster: Cluster, dev: tuple[Running, str]) -> None:
    operator, _ = dev
    namespace = operator.options.namespace
    await claim(cluster, namespace, "demo-data")
    gpu = {"limits": {"nvidia.com/gpu": "1", "example.com/fpga": 2}}
    await cluster.deploy(namespace, resources=gpu, pvc=[{"name": "${APP}-data", "mountPath": "/data"}])
    boot = await operator.settled()
    pod = (await cluster.deployment(namespace))["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["serviceAccountName"] == "robot"
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1", "example.com/fpga": "2"}
    assert [one["name"] for one in pod["volumes"]] == ["demo-log", "demo-data"]
    done = await cluster.until(
        boots(), "demo", namespace, lambda one: names.DEPLOY_PVCS in one["metadata"]["annotations"]
    )
    written = done["metadata"]["annotations"]
    assert json.loads(written[names.BOOT_PVCS]) == boot["spec"]["pvc"]
    assert json.loads(written[names.DEPLOY_PVCS]) == [
        {"name": "demo-log", "mountPath": "/log"}, {"name": "demo-data", "mountPath": "/data"},
    ]  # fmt: skip


async def test_what_was_done_is_told_by_events(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    await running.settled()
    await cluster.change(namespace, version="2.0", prometheus="false")
    await cluster.until(SERVICES, "demo", namespace, lambda one: not one["metadata"].get("annotations"))
    expected = {
        "UpdatedBootDefaulters", "CreatedDeployment", "CreatedService", "UpdatedBootMeta",
        "UpdatedBootStatus", "UpdatedDeployment", "UpdatedService",
    }  # fmt: skip
    told: dict[str, Any] = {}
    async with asyncio.timeout(10):
        while not expected <= set(told):
            found = await cluster.client.list(EVENTS, namespace)
            told = {one["reason"]: one for one in found.items if one["involvedObject"]["name"] == "demo"}
    assert {told[reason]["type"] for reason in expected} == {"Normal"}
    assert told["CreatedService"]["source"]["component"] == "javaboot-controller"


async def put(cluster: Cluster, resource: Resource, obj: Json, manager: str = "kubectl-edit") -> Json:
    """Write a whole object, as `kubectl edit` and `replace` do."""
    meta = obj["metadata"]
    path = resource.path(meta["namespace"], meta["name"])
    return await cluster.client.request("PUT", path, params={"fieldManager": manager}, body=obj)


async def edit(cluster: Cluster, live: Json) -> None:
    await put(cluster, DEPLOYMENTS, live)


async def apply_client_side(cluster: Cluster, live: Json) -> None:
    """What `kubectl apply` sends: the whole, merged by keys, and a copy of it in an annotation."""
    spec = live["spec"]
    last = json.dumps({"metadata": {"name": "demo"}, "spec": spec})
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": last}
    body = {"metadata": {"annotations": annotations}, "spec": spec}
    await cluster.client.patch(
        DEPLOYMENTS, "demo", live["metadata"]["namespace"], body=body, kind="strategic",
        field_manager="kubectl-client-side-apply",
    )  # fmt: skip


async def apply_server_side(cluster: Cluster, live: Json) -> None:
    meta = {"name": "demo", "namespace": live["metadata"]["namespace"]}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": live["spec"]}
    await cluster.client.apply(DEPLOYMENTS, body, field_manager="kubectl")


async def patch(cluster: Cluster, live: Json) -> None:
    await cluster.client.patch(
        DEPLOYMENTS, "demo", live["metadata"]["namespace"], body={"spec": live["spec"]}, kind="strategic",
        field_manager="kubectl-patch",
    )  # fmt: skip


async def scale(cluster: Cluster, live: Json) -> None:
    await cluster.client.patch(
        DEPLOYMENTS, "demo", live["metadata"]["namespace"], body={"spec": {"replicas": 7}},
        subresource="scale", field_manager="kubectl",
    )  # fmt: skip


@pytest.mark.parametrize("way", [edit, apply_client_side, apply_server_side, patch, scale])
async def test_what_the_boot_no_longer_says_disappears_whoever_owns_it(
    cluster: Cluster, running: Running, way: Any
) -> None:
    namespace = running.options.namespace
    await claim(cluster, namespace, "data", "drop")
    await cluster.deploy(
        namespace, env=[{"name": "KEEP", "value": "1"}, {"name": "DROP", "value": "1"}],
        pvc=[{"name": "data", "mountPath": "/data"}, {"name": "drop", "mountPath": "/drop"}],
    )  # fmt: skip
    await running.settled()
    live = await cluster.deployment(namespace)
    app = live["spec"]["template"]["spec"]["containers"][0]
    app["env"] = [
        {"name": "KEEP", "value": "1"},
        {"name": "DROP", "value": "2"},
        {"name": "HAND", "value": "x"},
    ]
    app["ports"] = [*app["ports"], {"name": "hand", "containerPort": 9999, "protocol": "TCP"}]
    app["volumeMounts"] = [*app["volumeMounts"], {"name": "data", "mountPath": "/hand"}]
    await way(cluster, live)

    await cluster.change(
        namespace, port=9090, env=[{"name": "KEEP", "value": "1"}],
        pvc=[{"name": "data", "mountPath": "/data"}],
    )  # fmt: skip

    def as_said(one: Json) -> bool:
        found = one["spec"]["template"]["spec"]["containers"][0]
        return (
            found["env"] == [{"name": "KEEP", "value": "1"}]
            and [port["containerPort"] for port in found["ports"]] == [9090]
            and [mount["mountPath"] for mount in found["volumeMounts"]] == ["/data"]
            and one["spec"]["replicas"] == 1
        )

    done = await cluster.until(DEPLOYMENTS, "demo", namespace, as_said)
    assert [one["name"] for one in done["spec"]["template"]["spec"]["volumes"]] == ["data"]


async def test_an_address_goes_with_the_deploy_after_the_config(
    cluster: Cluster, dev: tuple[Running, str]
) -> None:
    _, own = dev
    foreign = {
        "metadata": {"name": "other"},
        "spec": {"defaultBackend": {"service": {"name": "x", "port": {"number": 1}}}},
    }
    await cluster.client.create(INGRESSES, foreign, own)
    await cluster.deploy(own)
    made = await cluster.until(INGRESSES, "demo", own, lambda one: True)
    body = {"spec": {"tls": None, "rules": [{"host": "mine.example.com"}]}}
    await cluster.client.patch(INGRESSES, "demo", own, body=body)
    await cluster.until(INGRESSES, "demo", own, lambda one: one["spec"] == made["spec"])
    await cluster.deploy(own, "other")
    boot = await cluster.until(
        boots(), "other", own,
        lambda boot: bool(boot.get("status", {}).get("conditions"))
        and conditions(boot)["Degraded"] == ("True", "NotOurs"),
    )  # fmt: skip
    assert "Ingress other exists" in str(boot["status"]["conditions"])
    operator, _ = dev
    config = operator.options.namespace
    await cluster.configure(config, CONFIG.replace("${APP}.${ENV}.example.com", ""))
    await cluster.until(boots(), "demo", own, lambda boot: conditions(boot)["ConfigCurrent"][0] == "False")
    assert await cluster.client.get(INGRESSES, "demo", own)
    await cluster.change(own, version="2.0")
    await gone(cluster, INGRESSES, "demo", own)
    assert await cluster.client.get(INGRESSES, "other", own)


async def test_a_workload_from_before_us_is_not_rolled_for_a_mount_of_the_platform(
    cluster: Cluster, namespace: str
) -> None:
    text = """
    java: {app: {container: {volumeMounts: [{name: log, mountPath: /log}]},
                 podSpec: {volumes: [{name: log, emptyDir: {}}]}}}
    """
    await cluster.configure(namespace, text)
    async with Running.start(cluster, namespace) as operator:
        await cluster.deploy(namespace, replicas=2)
        await operator.settled()
    before = await cluster.deployment(namespace)
    for remembered in (names.CONFIG_HASH, names.DEPLOYED):
        del before["metadata"]["annotations"][remembered]
    before = await put(cluster, DEPLOYMENTS, before)
    await cluster.configure(namespace, text.replace("/log", "/logs"))
    async with Running.start(cluster, namespace):
        await cluster.change(namespace, replicas=3)
        after = await cluster.until(DEPLOYMENTS, "demo", namespace, lambda one: one["spec"]["replicas"] == 3)
        assert after["spec"]["template"] == before["spec"]["template"]
        await cluster.change(namespace, version="2.0")
        await cluster.until(
            DEPLOYMENTS, "demo", namespace,
            lambda one: one["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["mountPath"]
            == "/logs",
        )  # fmt: skip
