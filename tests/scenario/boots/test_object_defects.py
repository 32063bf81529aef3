"""Defects of the Go operator that concern generated objects, by their numbers in contract 8.1: all absent."""

from havok.boots import names
from havok.codec import Json
from havok.kube.resources import DEPLOYMENTS, HPAS, SERVICES, STATEFULSETS, Resource
from scenario.boots.stage import Cluster, Running, boots, conditions, versions

RESOURCEQUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
MESSY = """
java:
  app:
    resources: {limits: {memory: 1Gi}}
    env: [{name: PLATFORM, value: "1"}]
    nodeSelector: {disk: ssd}
    container:
      image: evil
      command: [evil]
      ports: [{name: evil, containerPort: 1}]
      env: [{name: PLATFORM, value: "2"}, {name: B, value: "3"}]
      resources: {requests: {cpu: 10m}}
      livenessProbe: {exec: {command: ["true"]}}
      readinessProbe: {httpGet: {path: /evil, port: 1}}
      volumeMounts: [{name: "${APP}-log", mountPath: /log}]
    podSpec:
      nodeSelector: {disk: hdd, zone: a}
      priorityClassName: system-node-critical
      volumes: [{name: "${APP}-log", emptyDir: {}}]
      initContainers: [{name: init, image: i, volumeMounts: [{name: "${APP}-log", mountPath: /log}]}]
  sideCarContainers: [{name: side, image: s, volumeMounts: [{name: "${APP}-log", mountPath: /log}]}]
"""


def app(deployment: Json) -> Json:
    found: Json = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


async def test_defect_1_a_probe_without_http_get_is_put_right(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    await running.settled()
    probe = {"httpGet": None, "exec": {"command": ["true"]}}
    body = {"spec": {"template": {"spec": {"containers": [{"name": "app", "livenessProbe": probe}]}}}}
    await cluster.client.patch(DEPLOYMENTS, "demo", namespace, body=body, kind="strategic")
    healed = await cluster.until(
        DEPLOYMENTS, "demo", namespace, lambda one: "httpGet" in app(one)["livenessProbe"]
    )
    assert "exec" not in app(healed)["livenessProbe"]


async def test_defect_3_4_and_14_a_messy_config_comes_to_rest(cluster: Cluster, namespace: str) -> None:
    await cluster.configure(namespace, MESSY)
    async with Running.start(cluster, namespace) as operator:
        await cluster.deploy(namespace, resources={"limits": {"memory": "2Gi"}}, nodeSelector={"own": "x"})
        boot = await operator.settled()
        deployment = await cluster.deployment(namespace)
        container, pod = app(deployment), deployment["spec"]["template"]["spec"]
        assert container["image"] == "harbor/sample:1.0"
        assert container["env"] == boot["spec"]["env"]
        assert [port["containerPort"] for port in container["ports"]] == [8080]
        assert container["resources"]["limits"] == {"memory": "2Gi"}
        assert boot["spec"]["resources"]["limits"] == {"memory": "2Gi"}
        assert pod["nodeSelector"] == boot["spec"]["nodeSelector"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/health"
        assert container["readinessProbe"]["httpGet"]["path"] == "/health"
        for one in (*pod["containers"], *pod["initContainers"]):
            assert one["volumeMounts"] == [{"name": "demo-log", "mountPath": "/log"}]

    async def state() -> list[str]:
        reads = (cluster.deployment(namespace), cluster.service(namespace))
        return await versions(*reads, cluster.client.get(boots(), "demo", namespace))

    async with Running.start(cluster, namespace) as operator:
        await cluster.deploy(namespace, "first")
        await operator.settled("first")
        before = await state()
        await cluster.deploy(namespace, "second")
        await operator.settled("second")
        assert await state() == before


async def test_defect_9_a_service_that_could_not_be_made_is_made_later(
    cluster: Cluster, running: Running
) -> None:
    namespace = running.options.namespace
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"services": "0"}}}
    await cluster.client.create(RESOURCEQUOTAS, quota, namespace)
    status = {"status": {"hard": {"services": "0"}, "used": {"services": "0"}}}
    await cluster.client.patch(
        RESOURCEQUOTAS, "none", namespace, body=status, subresource="status", kind="merge"
    )
    await cluster.deploy(namespace)
    boot = await cluster.until(
        boots(), "demo", namespace,
        lambda boot: bool(boot.get("status", {}).get("conditions"))
        and conditions(boot)["Degraded"] == ("True", "Refused"),
    )  # fmt: skip
    assert "quota" in str(boot["status"]["conditions"])
    assert await cluster.deployment(namespace)
    await cluster.client.delete(RESOURCEQUOTAS, "none", namespace)
    await cluster.change(namespace, replicas=2)
    await cluster.until(SERVICES, "demo", namespace, lambda one: True)
    await cluster.until(boots(), "demo", namespace, lambda boot: conditions(boot)["Degraded"][0] == "False")


async def test_defect_10_an_object_of_somebody_else_is_not_deleted(
    cluster: Cluster, running: Running
) -> None:
    namespace = running.options.namespace
    labels = {"app": "demo", "logan/env": "test"}
    service = {"metadata": {"name": "demo-extra", "labels": labels}, "spec": {"ports": [{"port": 1}]}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "demo"}
    scaler = {"metadata": {"name": "demo"}, "spec": {"scaleTargetRef": target, "maxReplicas": 2}}
    await cluster.client.create(SERVICES, service, namespace)
    await cluster.client.create(HPAS, scaler, namespace)
    await cluster.deploy(namespace)
    await running.settled()
    assert await cluster.service(namespace, "demo-extra")
    assert await cluster.client.get(HPAS, "demo", namespace)


async def test_defect_11_another_selector_is_a_condition_and_no_loop(
    cluster: Cluster, running: Running
) -> None:
    namespace = running.options.namespace
    labels = {"someone": "else"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    foreign = {
        "metadata": {"name": "demo", "annotations": {names.ADOPT: "demo"}},
        "spec": {"selector": {"matchLabels": labels}, "template": pod},
    }
    before = await cluster.client.create(DEPLOYMENTS, foreign, namespace)
    await cluster.deploy(namespace)
    await cluster.until(
        boots(), "demo", namespace,
        lambda boot: bool(boot.get("status", {}).get("conditions"))
        and conditions(boot)["Degraded"] == ("True", "Refused"),
    )  # fmt: skip
    assert await cluster.deployment(namespace) == before


async def test_defect_17_the_members_of_a_stateful_set_have_names(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace, workload="StatefulSet")
    await running.settled()
    governing = (await cluster.client.get(STATEFULSETS, "demo", namespace))["spec"]["serviceName"]
    assert (await cluster.service(namespace, governing))["spec"]["clusterIP"] == "None"
