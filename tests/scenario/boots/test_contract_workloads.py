"""The rows of contract 3.1 to 3.5 on the real API server: names, image, workload, container, probes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from havok.codec import Json
from havok.crds import BOOT_REVISIONS, BootKind, boot_kind
from havok.kube.resources import DEPLOYMENTS, HPAS, PRIORITYCLASSES, SERVICES, STATEFULSETS
from scenario.boots.contract import app, becomes, deployment, labels, pod, put_up, stand
from scenario.boots.stage import Cluster, Running

CONFIG = """
python: {settings: {registry: "registry.example:5000"}}
rich:
  settings: {registry: "registry.example:5000", appHealthPort: 9100}
  app:
    podSpec:
      terminationGracePeriodSeconds: 7
      hostAliases: [{ip: 192.0.2.1, hostnames: [legacy]}]
      volumes: [{name: "${APP}-${ENV}-log", emptyDir: {}}]
      initContainers:
      - {name: init, image: "${REGISTRY}/init:1", env: [{name: WHO, value: "${APP}:${ENV}:${PORT}"}],
         volumeMounts: [{name: "${APP}-${ENV}-log", mountPath: /log}]}
    container:
      volumeMounts: [{name: "${APP}-${ENV}-log", mountPath: /log}]
      lifecycle: {preStop: {sleep: {seconds: 3}}}
      securityContext: {readOnlyRootFilesystem: true}
      readinessProbe: {initialDelaySeconds: 1, failureThreshold: 2}
  oEnvs: {init: {test: {env: [{name: ONLY, value: "in test"}]}}}
  sideCarContainers:
  - {name: agent, image: "${REGISTRY}/agent:1", env: [{name: WHO, value: "${APP}:${PORT}"}],
     ports: [{name: agent, containerPort: 7000}],
     volumeMounts: [{name: "${APP}-${ENV}-log", mountPath: /log}]}
"""
KINDS = ["JavaBoot", "PhpBoot", "PythonBoot", "NodeJSBoot", "WebBoot"]


@pytest.fixture(scope="module")
async def operator(cluster: Cluster) -> AsyncIterator[Running]:
    async with stand(cluster, CONFIG) as started:
        yield started


def row(kind: str) -> BootKind:
    found = boot_kind(kind)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_names_labels_and_one_owner_of_everything(operator: Running, kind: str) -> None:
    name, read, namespace = row(kind).boot_type, operator.cluster.client.get, operator.options.namespace
    boot = await put_up(operator, name, kind, profile="rich", hpa={"enable": True})
    await becomes(operator, HPAS, name, lambda one: True)
    made = await deployment(operator, name)
    services = [await read(SERVICES, one, namespace) for one in (name, f"{name}-agent")]
    scaler = await read(HPAS, name, namespace)
    revision = await read(BOOT_REVISIONS, f"{name}-1", namespace)
    pods = labels(name, row(kind).boot_type)
    assert made["metadata"]["labels"] == {"app": "havok", "havok/type": name}
    assert made["spec"]["template"]["metadata"]["labels"] == pods
    assert made["spec"]["selector"] == {"matchLabels": pods}
    assert revision["metadata"]["labels"] == pods
    for service in services:
        assert service["metadata"]["labels"] == {"app": name, "logan/env": "test"}
        assert service["spec"]["selector"] == pods
        assert [port["name"] for port in service["spec"]["ports"]] == ["http"]
    for one in (made, *services, scaler, revision):
        assert one["metadata"]["ownerReferences"] == [owner(boot, kind)]
    assert (app(made)["name"], app(made)["imagePullPolicy"]) == ("app", "Always")


def owner(boot: Json, kind: str) -> Json:
    meta = boot["metadata"]
    return {
        "apiVersion": "app.logancloud.com/v1", "kind": kind, "name": meta["name"], "uid": meta["uid"],
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_the_deployment_and_the_probes_of_each_kind(operator: Running, kind: str) -> None:
    name = f"plain-{row(kind).boot_type}"
    await put_up(operator, name, kind, replicas=3)
    made = (await deployment(operator, name))["spec"]
    assert (made["replicas"], made["revisionHistoryLimit"]) == (3, 5)
    rolling = made["strategy"]["rollingUpdate"]
    unavailable = "1%" if kind == "JavaBoot" else "25%"
    assert (rolling["maxUnavailable"], rolling["maxSurge"]) == (unavailable, "25%")
    assert made["strategy"]["type"] == "RollingUpdate"
    # what the API server fills in: we say neither
    assert (made["progressDeadlineSeconds"], made.get("minReadySeconds", 0)) == (600, 0)
    failures = 15 if kind == "PythonBoot" else 10
    container = app({"spec": made})
    for probe, delay in (("livenessProbe", 120), ("readinessProbe", 60)):
        assert container[probe] == {
            "httpGet": {"path": "/health", "port": 8080, "scheme": "HTTP"}, "initialDelaySeconds": delay,
            "periodSeconds": 10, "timeoutSeconds": 5, "successThreshold": 1, "failureThreshold": failures,
        }  # fmt: skip
    image = "harbor/sample:1.0"
    assert container["image"] == (f"registry.example:5000/{image}" if kind == "PythonBoot" else image)
    assert made["template"]["spec"]["affinity"] == apart(name)


def apart(name: str) -> Json:
    expression = {"key": "bootName", "operator": "In", "values": [name]}
    selector = {"matchExpressions": [expression]}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


async def test_a_stateful_set_has_the_same_pods(operator: Running) -> None:
    await put_up(operator, "loose", profile="rich")
    await put_up(operator, "tight", profile="rich", workload="StatefulSet")
    read = operator.cluster.client.get
    made = (await read(STATEFULSETS, "tight", operator.options.namespace))["spec"]
    assert (made["podManagementPolicy"], made["revisionHistoryLimit"]) == ("OrderedReady", 5)
    update = made["updateStrategy"]
    assert (update["type"], update["rollingUpdate"]["partition"]) == ("RollingUpdate", 0)
    assert "volumeClaimTemplates" not in made
    loose = (await deployment(operator, "loose"))["spec"]["template"]
    assert str(made["template"]).replace("tight", "loose") == str(loose)


PROBES: list[tuple[str, dict[str, Any], tuple[str, str, int] | None]] = [
    ("own", {"health": "/up"}, ("/up", "/up", 8080)),
    ("apart", {"health": "/up", "readiness": "/ready"}, ("/up", "/ready", 8080)),
    ("same", {"health": "/up", "readiness": ""}, ("/up", "/up", 8080)),
    ("port", {"port": 9000}, ("/health", "/health", 9000)),
    ("none", {"health": ""}, None),
    ("ignored", {"health": "", "readiness": "/ready"}, None),
]


@pytest.mark.parametrize(("name", "spec", "asked"), PROBES, ids=[one for one, _, _ in PROBES])
async def test_what_the_probes_ask(
    operator: Running, name: str, spec: dict[str, Any], asked: tuple[str, str, int] | None
) -> None:
    name = f"probe-{name}"
    await put_up(operator, name, **spec)
    found = app(await deployment(operator, name))
    if asked is None:
        assert not {"livenessProbe", "readinessProbe"} & set(found)
        return
    liveness, readiness = (found[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe"))
    assert (liveness["path"], readiness["path"], liveness["port"]) == asked
    assert readiness["port"] == asked[2]


async def test_config_is_laid_over_pod_and_container(operator: Running) -> None:
    name, cluster, namespace = "rich", operator.cluster, operator.options.namespace
    allow = {f"app.logancloud.com/priority-{namespace}": ""}
    urgent = {"metadata": {"name": f"urgent-{namespace}", "annotations": allow}, "value": 7}
    await cluster.client.create(PRIORITYCLASSES, urgent)
    boot = await put_up(
        operator, name, profile="rich", port=9000, command=["run", "${APP}"], nodeSelector={"disk": "ssd"},
        env=[{"name": "ME", "value": "${APP}-${ENV}-${PORT}, $${APP}"}], priority=f"urgent-{namespace}",
    )  # fmt: skip
    made = await deployment(operator, name)
    found, container = pod(made), app(made)
    assert found["terminationGracePeriodSeconds"] == 7
    assert found["hostAliases"] == [{"ip": "192.0.2.1", "hostnames": ["legacy"]}]
    assert found["affinity"] == apart(name)
    assert (found["nodeSelector"], found["priorityClassName"]) == ({"disk": "ssd"}, f"urgent-{namespace}")
    assert container["image"] == "registry.example:5000/harbor/sample:1.0"
    assert container["command"] == ["run", "${APP}"]
    assert container["ports"] == [{"containerPort": 9000, "name": "http", "protocol": "TCP"}]
    assert container["env"] == boot["spec"]["env"] == [{"name": "ME", "value": "rich-test-9000, $rich"}]
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 3}}}
    assert container["securityContext"] == {"readOnlyRootFilesystem": True}
    assert container["readinessProbe"]["initialDelaySeconds"] == 1
    assert container["readinessProbe"]["failureThreshold"] == 2
    assert container["readinessProbe"]["periodSeconds"] == 10
    assert container["livenessProbe"]["httpGet"]["port"] == 9100
    (init,), agent = found["initContainers"], found["containers"][1]
    assert (init["image"], agent["image"]) == (
        "registry.example:5000/init:1", "registry.example:5000/agent:1",
    )  # fmt: skip
    assert init["env"] == [
        {"name": "WHO", "value": "rich:test:9000"}, {"name": "ONLY", "value": "in test"},
    ]  # fmt: skip
    assert agent["env"] == [{"name": "WHO", "value": "rich:9000"}]
    for one in (container, init, agent):
        assert one["volumeMounts"] == [{"name": "rich-test-log", "mountPath": "/log"}]
    assert [volume["name"] for volume in found["volumes"]] == ["rich-test-log"]


async def test_a_command_and_a_priority_taken_away_are_gone(operator: Running) -> None:
    await put_up(operator, "plain", command=["run"])
    await operator.cluster.change(operator.options.namespace, "plain", command=None)
    await becomes(operator, DEPLOYMENTS, "plain", lambda one: "command" not in app(one))
